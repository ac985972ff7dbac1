//! Runners: their signs of life, and what becomes of the work of those that gave none.

use std::time::{Duration, Instant};

use super::PostgresStore;
use super::call::Call;
use super::row;
use super::text::stored;
use crate::action::RunnerId;
use crate::error::Result;
use crate::log::Context;
use crate::store::{DeadRunner, Heartbeat, NewRunner, Recovery, Runner, Stranded};

impl PostgresStore {
    pub(super) async fn register_runner(&self, runner: &NewRunner) -> Result<RunnerId> {
        let doing = "registering a runner";
        // Should this be stored twice, as its answer was lost, the first is soon taken for dead, and holds nothing.
        let sql = format!(
            "INSERT INTO {}.runners (name, process, context, workers, lease, started_at, heartbeat_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $6) RETURNING id",
            self.database.schema
        );
        let call = Call::statement(sql)
            .with(stored(&runner.name).into_owned())
            .with(runner.process.as_deref().map(|process| stored(process).into_owned()))
            .with(runner.context.as_str().to_owned())
            .with(i64::from(runner.workers))
            .with(i64::try_from(runner.lease.as_micros()).unwrap_or(i64::MAX))
            .with(self.clock.now().as_microsecond());
        let rows = self.database.read_soon(doing, call).await?;
        let id = rows.first().map_or(Err("no id".to_owned()), |row| row::runner_id(row, 0));
        Ok(self.read(doing, id)?)
    }

    pub(super) async fn beat(&self, runner: RunnerId) -> Result<bool> {
        let doing = "recording a heartbeat";
        // By primary key; HOT. A beat more than was given does no harm.
        let sql = format!(
            "UPDATE {}.runners SET heartbeat_at = $2, beats = beats + 1 WHERE id = $1 \
             RETURNING (extract(epoch FROM clock_timestamp()) * 1000000)::bigint",
            self.database.schema
        );
        let now = self.clock.now().as_microsecond();
        let begun = Instant::now();
        let call = Call::statement(sql).with(runner.get()).with(now);
        let rows = self.database.read_soon(doing, call).await?;
        let Some(row) = rows.first() else { return Ok(false) };
        // Of what other processes have given back nothing is told.
        self.seen().came_back();
        // One that was held up tells nothing of the time.
        if begun.elapsed() < Duration::from_millis(200) {
            let micros = self.read(doing, row::get(row, 0))?;
            self.database.opener.clock.observe(micros, begun.elapsed());
        }
        Ok(true)
    }

    pub(super) async fn unregister_runner(&self, id: RunnerId, context: &Context) -> Result<()> {
        let call = self
            .database
            .function("unregister_runner")
            .with(id.get())
            .with(self.clock.now().as_microsecond())
            .with(context.as_str().to_owned());
        self.database.write("unregistering a runner", &[call]).await?;
        self.come_back();
        self.wakes.wake();
        Ok(())
    }

    pub(super) async fn list_heartbeats(&self) -> Result<Vec<Heartbeat>> {
        let doing = "reading heartbeats";
        let sql = format!(
            "SELECT id, name, process, lease, beats FROM {}.runners ORDER BY id",
            self.database.schema
        );
        // Between two heartbeats: what waits here for long is taken for dead.
        let rows = self.database.read_soon(doing, Call::statement(sql)).await?;
        rows.iter().map(|row| Ok(self.read(doing, heartbeat(row))?)).collect()
    }

    pub(super) async fn list_runners(&self) -> Result<Vec<Runner>> {
        let doing = "reading the runners";
        let sql = format!(
            "SELECT r.id, r.name, r.context, r.workers, r.lease, r.started_at, r.heartbeat_at, r.beats, \
             count(c.id), coalesce(sum(c.live - coalesce(u.n, 0)), 0), r.process \
             FROM {0}.runners r LEFT JOIN {0}.claims c ON c.runner = r.id \
             LEFT JOIN {0}.unstarted u ON u.claim = c.id GROUP BY r.id ORDER BY r.id",
            self.database.schema
        );
        let rows = self.database.read_soon(doing, Call::statement(sql)).await?;
        rows.iter().map(|row| Ok(self.read(doing, runner(row))?)).collect()
    }

    pub(super) async fn recover_dead(
        &self,
        dead: &[DeadRunner],
        context: &Context,
    ) -> Result<Recovery> {
        let doing = "recovering actions";
        let call = self
            .database
            .function("recover_runners")
            .with(dead.iter().map(|dead| dead.id.get()).collect::<Vec<_>>())
            .with(dead.iter().map(|dead| dead.beats.cast_signed()).collect::<Vec<_>>())
            .with(self.clock.now().as_microsecond())
            .with(context.as_str().to_owned());
        let mut answers = self.database.write(doing, &[call]).await?;
        let rows = answers.pop().unwrap_or_default();
        row::load_names(&self.database, &rows, row::BEFORE_CLAIMED + 1, row::BEFORE_CLAIMED + 2)
            .await?;
        let mut recovery = Recovery::default();
        let mut chains = row::Chains::default();
        for row in &rows {
            let released: i64 = self.read(doing, row::get(row, 0))?;
            recovery.released = released.unsigned_abs();
            if self.read(doing, row::get::<Option<i64>>(row, row::BEFORE_CLAIMED))?.is_none() {
                continue;
            }
            let names = &self.database.opener.names;
            let runner: Option<i64> = self.read(doing, row::get(row, 1))?;
            recovery.stranded.push(Stranded {
                action: self.read(doing, row::claimed_action(names, &mut chains, row))?,
                claim: self.read(doing, row::claim_id(row, row::BEFORE_CLAIMED - 1))?,
                runner: runner.and_then(RunnerId::new),
            });
        }
        if recovery.released > 0 {
            self.come_back();
            self.wakes.wake();
        }
        Ok(recovery)
    }
}

fn number(row: &tokio_postgres::Row, column: usize) -> row::Read<u64> {
    Ok(row::get::<i64>(row, column)?.unsigned_abs())
}

fn heartbeat(row: &tokio_postgres::Row) -> row::Read<Heartbeat> {
    Ok(Heartbeat {
        id: row::runner_id(row, 0)?,
        name: row::written(row, 1)?.unwrap_or_default(),
        process: row::written(row, 2)?,
        lease: Duration::from_micros(number(row, 3)?),
        beats: number(row, 4)?,
    })
}

fn runner(row: &tokio_postgres::Row) -> row::Read<Runner> {
    let number = |column| number(row, column);
    Ok(Runner {
        id: row::runner_id(row, 0)?,
        runner: NewRunner {
            name: row::written(row, 1)?.unwrap_or_default(),
            process: row::written(row, 10)?,
            context: Context::new(row::get(row, 2)?),
            workers: u32::try_from(number(3)?).unwrap_or(u32::MAX),
            lease: Duration::from_micros(number(4)?),
        },
        started_at: row::time(row, 5)?,
        heartbeat_at: row::time(row, 6)?,
        beats: number(7)?,
        claims: u32::try_from(number(8)?).unwrap_or(u32::MAX),
        in_progress: u32::try_from(number(9)?).unwrap_or(u32::MAX),
    })
}
