//! What the attendance of a class asks for: a check-in, once its product is linked to an activity there.

use jiff::Timestamp;
use jiff::civil::Date;

use super::belongings::who;
use super::{Barred, Known, Rules, Step, before, told_of_that_day, too_doubtful, unlinked};
use crate::domain::{Attendance, Hold, OutboxRow, RowOutcome};
use crate::mywellness::template::{Placeholder, Values};
use crate::mywellness::translate::moment;
use crate::store::Link;

/// Attendance is a member's activity, as a visit is: told to whom it concerns by the same rules.
pub(super) fn check_in(row: &OutboxRow, known: &Known, rules: &Rules<'_>, today: Date) -> Result<Step, Barred> {
    let Ok(told) = serde_json::from_str::<Attendance>(&row.body) else {
        return Ok(Step::Settle(RowOutcome::Never("the row's attendance cannot be read".into()), None));
    };
    told_of_that_day(known, rules, (told.at, today))?;
    let Some(action) = &rules.config.actions.check_in else {
        let why = "[mywellness.actions.check_in] is not configured; retry the row once it is";
        return Ok(Step::Settle(RowOutcome::Never(why.into()), None));
    };
    let Some(activity) = &known.activity else { return Ok(Step::Settle(RowOutcome::Held(Hold::Mapping), None)) };
    let before = before(row);
    if let Some(doubtful) = too_doubtful(row, before, rules) {
        return Ok(doubtful);
    }
    let Some(link) = &known.link else { return unlinked(known, rules) };
    if known.marks_wait {
        return Ok(Step::Settle(RowOutcome::Held(Hold::Data), None));
    }
    Ok(match action.fill(&values(&told, link, known, activity, rules)) {
        Some(call) => Step::CheckIn { call, before },
        None => {
            let why = "filled in, the path of mywellness.actions.check_in leads elsewhere";
            Step::Settle(RowOutcome::Never(why.into()), None)
        }
    })
}

fn values(told: &Attendance, link: &Link, known: &Known, activity: &str, rules: &Rules<'_>) -> Values {
    let local = |at: Timestamp| moment(at, rules.timezone);
    let day = |form: &str| told.starts_at.to_zoned(rules.timezone.clone()).strftime(form).to_string();
    let mut values = who(known, link);
    values.extend([
        (Placeholder::ActivityId, activity.to_owned()),
        (Placeholder::ClassId, told.class.to_string()),
        (Placeholder::StartsAt, local(told.starts_at)),
        (Placeholder::EndsAt, local(told.ends_at)),
        (Placeholder::StartDate, day("%Y-%m-%d")),
        (Placeholder::PartitionDate, day("%Y%m%d")),
        (Placeholder::AttendedAt, local(told.at)),
    ]);
    values
}
