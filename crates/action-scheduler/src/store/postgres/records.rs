//! Records.

use super::PostgresStore;
use super::call::Call;
use super::row;
use crate::error::Result;
use crate::store::records::places_in_order;
use crate::store::{Expected, Put, PutRecord, Record, RecordKind, RecordsQuery};

impl PostgresStore {
    pub(super) async fn put_all_records(&self, puts: &[PutRecord]) -> Result<Vec<Put>> {
        if puts.is_empty() {
            return Ok(Vec::new());
        }
        let doing = "putting records";
        let places = places_in_order(puts, |put| (put.kind.clone(), put.key.clone()));
        let in_order = || places.iter().filter_map(|place| puts.get(*place));
        let call = self
            .database
            .function("put_records")
            .with(self.clock.now().as_microsecond())
            .with(in_order().map(|put| put.kind.to_string()).collect::<Vec<_>>())
            .with(in_order().map(|put| put.key.clone()).collect::<Vec<_>>())
            .with(in_order().map(|put| put.body.clone()).collect::<Vec<_>>())
            .with(in_order().map(PutRecord::expiry).collect::<Vec<_>>())
            .with(in_order().map(|put| expectation(put.expected).0).collect::<Vec<_>>())
            .with(in_order().map(|put| expectation(put.expected).1).collect::<Vec<_>>());
        let answers = self.database.write(doing, &[call]).await?;
        let row = answers.iter().flatten().next();
        let versions: Vec<Option<i64>> =
            row.map_or(Ok(Vec::new()), |row| self.read(doing, row::get(row, 0)))?;
        let mut done = vec![Put::Refused; puts.len()];
        for (place, version) in places.iter().zip(versions) {
            if let (Some(done), Some(version)) = (done.get_mut(*place), version) {
                *done = Put::Done(version.cast_unsigned());
            }
        }
        Ok(done)
    }

    pub(super) async fn list_records(&self, query: &RecordsQuery) -> Result<Vec<Record>> {
        let doing = "reading records";
        // In the order of the primary key. What is not asked for is NULL.
        let sql = format!(
            "SELECT key, body, version, expires_at FROM {}.records WHERE kind = $1 AND key > $2 \
             AND (expires_at IS NULL OR expires_at > $3) AND ($4::text[] IS NULL OR key = ANY ($4)) \
             ORDER BY key LIMIT $5",
            self.database.schema
        );
        let call = Call::statement(sql)
            .with(query.kind.to_string())
            .with(query.after.clone().unwrap_or_default())
            .with(self.clock.now().as_microsecond())
            .with(query.keys.clone())
            .with(query.limit.map(i64::from));
        let rows = self.database.read_soon(doing, call).await?;
        let record = |row| {
            Ok(Record {
                kind: query.kind.clone(),
                key: row::get(row, 0)?,
                body: row::get(row, 1)?,
                version: row::get::<i64>(row, 2)?.cast_unsigned(),
                expires_at: row::optional_time(row, 3)?,
            })
        };
        rows.iter().map(|row| Ok(self.read(doing, record(row))?)).collect()
    }

    pub(super) async fn delete_all_records(
        &self,
        kind: &RecordKind,
        keys: &[String],
    ) -> Result<Vec<bool>> {
        let doing = "deleting records";
        let call = self
            .database
            .function("delete_records")
            .with(self.clock.now().as_microsecond())
            .with(kind.to_string())
            .with(keys.to_vec());
        let answers = self.database.write(doing, &[call]).await?;
        let row = answers.iter().flatten().next();
        let gone: Option<Vec<String>> =
            row.map_or(Ok(None), |row| self.read(doing, row::get(row, 0)))?;
        let mut gone = gone.unwrap_or_default();
        let mut take = |key: &String| {
            let place = gone.iter().position(|other| other == key);
            place.map(|place| gone.swap_remove(place)).is_some()
        };
        Ok(keys.iter().map(&mut take).collect())
    }
}

/// What is expected, as put_records knows it: its number, and the version.
fn expectation(expected: Expected) -> (i16, Option<i64>) {
    match expected {
        Expected::Any => (0, None),
        Expected::Absent => (1, None),
        // One that cannot be stored is none that there is.
        Expected::Version(version) => (2, i64::try_from(version).ok()),
    }
}
