//! Figures over time.

use super::PostgresStore;
use super::call::Call;
use super::row;
use crate::error::Result;
use crate::store::figures::merged;
use crate::store::{Figure, FigureCounts, FiguresOf, FiguresQuery};

/// The number that stands for all hooks together.
const TOGETHER: i32 = 0;

/// A number that no hook has.
const UNKNOWN: i32 = -1;

impl PostgresStore {
    pub(super) async fn add_all_figures(&self, figures: Vec<Figure>) -> Result<()> {
        if figures.is_empty() {
            return Ok(());
        }
        let merged = merged(figures);
        let names = &self.database.opener.names;
        let numbers: Vec<i64> = merged.values().flat_map(FigureCounts::to_numbers).collect();
        let width = i32::try_from(FigureCounts::default().to_numbers().len()).unwrap_or_default();
        loop {
            let forgotten = names.forgotten();
            let hooks = merged.keys().filter_map(|(_, hook, _)| hook.as_ref());
            names.hooks.add(&self.database, hooks).await?;
            let keys = || merged.keys();
            let number = |hook| names.hooks.number(hook).unwrap_or(UNKNOWN);
            let call = self
                .database
                .function("add_figures")
                .with(
                    keys().map(|(resolution, ..)| i16::from(resolution.code())).collect::<Vec<_>>(),
                )
                .with(
                    keys()
                        .map(|(_, hook, _)| hook.as_ref().map_or(TOGETHER, number))
                        .collect::<Vec<_>>(),
                )
                .with(keys().map(|(.., at)| at.as_microsecond()).collect::<Vec<_>>())
                .with(numbers.clone())
                .with(width);
            if self.database.write_names("adding figures", &[call], forgotten).await?.is_some() {
                return Ok(());
            }
        }
    }

    pub(super) async fn list_figures(&self, query: &FiguresQuery) -> Result<Vec<Figure>> {
        let doing = "reading figures";
        let names = &self.database.opener.names;
        // In the order of the primary key, or of figures_by_date.
        let (whose, hook) = match &query.of {
            FiguresOf::Together => ("hook = $2", TOGETHER),
            FiguresOf::Hook(hook) => {
                names.hooks.look_for(&self.database, std::iter::once(hook)).await?;
                ("hook = $2", names.hooks.number(hook).unwrap_or(UNKNOWN))
            }
            FiguresOf::EachHook => ("hook <> $2", TOGETHER),
        };
        let sql = format!(
            "SELECT at, hook, numbers FROM {}.figures WHERE resolution = $1 AND {whose} AND at >= $3 AND at < $4 \
             ORDER BY at LIMIT $5",
            self.database.schema
        );
        let call = Call::statement(sql)
            .with(i16::from(query.resolution.code()))
            .with(hook)
            .with(query.from.as_microsecond())
            .with(query.to.as_microsecond())
            .with(query.limit.map(i64::from));
        let rows = self.database.read(doing, call).await?;
        let numbers = rows.iter().filter_map(|row| row.try_get::<_, i32>(1).ok());
        names.hooks.load_all(&self.database, numbers.filter(|number| *number != TOGETHER)).await?;
        let figure = |row| {
            let hook = match row::get(row, 1)? {
                TOGETHER => None,
                number => {
                    let name = names.hooks.name(number);
                    Some(name.ok_or_else(|| format!("there is no hook {number}"))?)
                }
            };
            let counts = FigureCounts::from_numbers(&row::get::<Vec<i64>>(row, 2)?);
            Ok(Figure { resolution: query.resolution, at: row::time(row, 0)?, hook, counts })
        };
        rows.iter().map(|row| Ok(self.read(doing, figure(row))?)).collect()
    }
}
