//! Alarms of gates, and what is remembered of their controllers.

use jiff::Timestamp;
use rusqlite::types::Value;
use rusqlite::{Row, named_params, params_from_iter};

use super::columns::{Doc, Key, Moment, Word};
use super::error::{StoreError, during};
use super::page::{self, Page, page_of, rows_wanted};
use super::transaction::{Tx, View};
use crate::domain::{Alarm, AlarmId, AlarmKind, AlarmState, FactKind, GateId, LanePlan};

/// Which alarms are asked for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AlarmFilter {
    /// From this moment, inclusive.
    pub from: Option<Timestamp>,
    /// To this moment, exclusive.
    pub to: Option<Timestamp>,
    /// Only of this gate.
    pub gate: Option<GateId>,
    /// Where the page begins.
    pub cursor: Option<String>,
    /// 1 to 500.
    pub limit: u32,
}

impl View<'_> {
    /// Alarms, newest first.
    ///
    /// # Errors
    /// When SQLite fails or the cursor is none of ours.
    pub fn alarms(&self, filter: &AlarmFilter) -> Result<Page<Alarm>, StoreError> {
        let (mut tests, mut values) = (vec!["1"], Vec::new());
        if let Some(from) = filter.from {
            tests.push("at >= ?");
            values.push(Value::from(from.as_microsecond()));
        }
        if let Some(to) = filter.to {
            tests.push("at < ?");
            values.push(Value::from(to.as_microsecond()));
        }
        if let Some(gate) = &filter.gate {
            tests.push("gate = ?");
            values.push(Value::from(gate.to_string()));
        }
        if let Some(cursor) = &filter.cursor {
            let (moment, row) = page::moment_of(cursor)?;
            tests.push("(at, row) < (?, ?)");
            values.extend([Value::from(moment), Value::from(row)]);
        }
        let (tests, rows) = (tests.join(" AND "), rows_wanted(filter.limit));
        let sql = format!("{ALARM} WHERE {tests} ORDER BY at DESC, row DESC LIMIT {rows}");
        let rows = during("listing alarms", || self.all(&sql, params_from_iter(values), alarm))?;
        let page = page_of(rows, filter.limit, |(at, row, _)| format!("{at}.{row}"));
        Ok(Page { items: page.items.into_iter().map(|(_, _, alarm)| alarm).collect(), next: page.next })
    }

    /// Gates whose last word on emergencies is that one began.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn gates_in_emergency(&self) -> Result<Vec<GateId>, StoreError> {
        let sql = "SELECT gate FROM alarm a WHERE alarm = 'emergency' AND state = 'began' AND NOT EXISTS
                   (SELECT 1 FROM alarm b WHERE b.gate = a.gate AND b.alarm = 'emergency' AND b.row > a.row)";
        during("reading emergencies", || self.all(sql, [], |row| row.get::<_, Word<_>>(0).map(|gate| gate.0)))
    }

    /// What has begun at a gate and is not over, as far as its controller has told; in the order in which it began.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn alarms_that_last(&self, gate: &GateId) -> Result<Vec<AlarmKind>, StoreError> {
        let sql = "SELECT alarm FROM alarm a WHERE gate = ?1 AND state = 'began' AND NOT EXISTS
                   (SELECT 1 FROM alarm b WHERE b.gate = a.gate AND b.alarm = a.alarm AND b.row > a.row) ORDER BY row";
        let kind = |row: &Row<'_>| row.get::<_, Word<_>>(0).map(|kind| kind.0);
        during("reading what lasts at a gate", || self.all(sql, [gate.as_str()], kind))
    }
}

impl Tx<'_> {
    /// Writes an alarm down with its outbox rows. `event`: the boot and number of the controller's event, by which the
    /// same one is known. False: it was written down before, and nothing was changed.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn raise(&self, alarm: &Alarm, event: Option<(u64, u32)>, lanes: &[LanePlan]) -> Result<bool, StoreError> {
        during("writing an alarm down", || {
            let (boot, number) = event.unzip();
            let written = self.run(
                "INSERT OR IGNORE INTO alarm (id, at, clock, gate, alarm, state, count, boot, number)
                 VALUES (:id, :at, :clock, :gate, :alarm, :state, :count, :boot, :number)",
                named_params! {
                    ":id": Key(alarm.alarm_id.0), ":at": Moment(alarm.at), ":clock": alarm.clock.as_str(),
                    ":gate": alarm.gate.as_str(), ":alarm": alarm.alarm.as_str(), ":state": Word(alarm.state),
                    ":count": alarm.count, ":boot": boot.map(u64::cast_signed), ":number": number,
                },
            )?;
            if written == 0 {
                return Ok(false);
            }
            for plan in lanes.iter().filter(|plan| plan.facts.contains(&FactKind::Alarm)) {
                let key = alarm.alarm_id.to_string();
                self.write_row(&plan.lane, FactKind::Alarm, &key, None, &Doc(alarm), alarm.at)?;
            }
            self.news().recorded(alarm.at, alarm.clock);
            Ok(true)
        })
    }

    /// Remembers the boot of a gate's controller, and gives the one before, if there was another.
    ///
    /// # Errors
    /// When SQLite fails.
    pub fn controller_runs(&self, gate: &GateId, boot: u64) -> Result<Option<u64>, StoreError> {
        during("remembering a controller's boot", || {
            let before = self.one("SELECT boot FROM controller WHERE gate = ?1", [gate.as_str()], |row| row.get(0))?;
            let before = before.map(i64::cast_unsigned).filter(|before| *before != boot);
            self.run(
                "INSERT OR REPLACE INTO controller (gate, boot) VALUES (?1, ?2)",
                (gate.as_str(), boot.cast_signed()),
            )?;
            Ok(before)
        })
    }
}

const ALARM: &str = "SELECT at, row, id, gate, alarm, state, count, clock FROM alarm";

fn alarm(row: &Row<'_>) -> rusqlite::Result<(i64, i64, Alarm)> {
    let alarm = Alarm {
        alarm_id: AlarmId(row.get::<_, Key>(2)?.0),
        gate: row.get::<_, Word<GateId>>(3)?.0,
        alarm: row.get::<_, Word<AlarmKind>>(4)?.0,
        state: row.get::<_, Word<AlarmState>>(5)?.0,
        count: row.get(6)?,
        at: row.get::<_, Moment>(0)?.0,
        clock: row.get::<_, Word<_>>(7)?.0,
    };
    Ok((row.get(0)?, row.get(1)?, alarm))
}
