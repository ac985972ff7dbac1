//! What happened now and then: orders, payments, mails.

use std::time::Duration;

use action_scheduler::action::{Group, Hook, Priority, Status};
use action_scheduler::{Args, Schedule};
use jiff::{SignedDuration, Timestamp};

use super::{Course, DEPTH, Past};

/// A hook, how often it is scheduled and how it goes.
struct Habit {
    hook: &'static str,
    group: &'static str,
    /// How many an hour, over the day.
    hourly: u64,
    /// How long it takes, in milliseconds.
    takes: u64,
    /// How many in a thousand fail for good, and how many only at first.
    fails: u64,
    retries: u64,
    reason: &'static str,
    priority: u8,
    /// How its args begin; a number and `}` follow.
    args: &'static str,
    prints: &'static str,
}

const HABITS: [Habit; 8] = [
    Habit {
        hook: "charge_card",
        group: "billing",
        hourly: 42,
        takes: 420,
        fails: 18,
        retries: 60,
        reason: "the bank said 402: card declined",
        priority: 1,
        args: r#"{"customer":"Zoë Müller","card":"4242 4242 4242 4242","order":"#,
        prints: "charged",
    },
    Habit {
        hook: "send_receipt",
        group: "mails",
        hourly: 41,
        takes: 130,
        fails: 4,
        retries: 25,
        reason: "421 4.7.0 try again later",
        priority: 10,
        args: r#"{"to":"customer@example.com","order":"#,
        prints: "250 2.0.0 Ok: queued",
    },
    Habit {
        hook: "update_stock",
        group: "warehouse",
        hourly: 64,
        takes: 35,
        fails: 0,
        retries: 3,
        reason: "deadlock detected",
        priority: 5,
        args: r#"{"sku":"TEA-500","change":-1,"order":"#,
        prints: "",
    },
    Habit {
        hook: "notify",
        group: "",
        hourly: 22,
        takes: 90,
        fails: 140,
        retries: 120,
        reason: "POST http://127.0.0.1:9/hooks/notify: connection refused",
        priority: 10,
        args: r#"{"event":"order.paid","order":"#,
        prints: "",
    },
    Habit {
        hook: "send_reminder",
        group: "mails",
        hourly: 9,
        takes: 150,
        fails: 2,
        retries: 10,
        reason: "421 4.7.0 try again later",
        priority: 20,
        args: r#"{"template":"basket","customer":"#,
        prints: "250 2.0.0 Ok: queued",
    },
    Habit {
        hook: "render_label",
        group: "warehouse",
        hourly: 16,
        takes: 900,
        fails: 9,
        retries: 0,
        reason: "exit status 1: out of label paper",
        priority: 10,
        args: r#"{"carrier":"DHL","order":"#,
        prints: "label.pdf, 1 page",
    },
    Habit {
        hook: "index_product",
        group: "search",
        hourly: 30,
        takes: 55,
        fails: 0,
        retries: 0,
        reason: "",
        priority: 100,
        args: r#"{"product":"#,
        prints: "",
    },
    Habit {
        hook: "broken",
        group: "",
        hourly: 2,
        takes: 12,
        fails: 1000,
        retries: 0,
        reason: "exit status 1: The printer is on fire.",
        priority: 10,
        args: r#"{"page":"#,
        prints: "",
    },
];

/// How busy each hour of the day is, of ten.
const BUSY: [u64; 24] =
    [2, 1, 1, 1, 1, 2, 4, 7, 10, 13, 15, 14, 12, 13, 14, 13, 12, 13, 15, 17, 16, 12, 8, 4];

/// Adds what happened to the past.
pub(super) fn live(past: &mut Past) {
    let minutes = DEPTH.as_secs() / 60;
    let mut order = 1000;
    for minute in 0..minutes {
        let begin = past.now - DEPTH + Duration::from_secs(minute * 60);
        let busy = busy_at(begin);
        // A supplier's import held up the others for a while.
        let is_held_up = (minutes - 200..minutes - 185).contains(&minute);
        for habit in &HABITS {
            // In thousandths of an action a minute.
            let rate = habit.hourly * 1000 * busy / 600;
            let count = rate / 1000 + u64::from(past.chance.happens(rate % 1000));
            for _ in 0..count {
                order += 1;
                let within = Duration::from_millis(past.chance.below(60_000));
                let due = begin + within;
                // What is not over yet is no past.
                if past.now.duration_since(due) > SignedDuration::from_mins(3) {
                    happen(past, habit, due, order, is_held_up);
                }
            }
        }
    }
}

fn busy_at(at: Timestamp) -> u64 {
    let hour = at.as_second().rem_euclid(86_400) / 3600;
    usize::try_from(hour).ok().and_then(|hour| BUSY.get(hour)).copied().unwrap_or(10)
}

fn happen(past: &mut Past, habit: &Habit, due: Timestamp, order: u64, is_held_up: bool) {
    let chance = &mut past.chance;
    // An outage makes more of them fail.
    let hour = due.as_second().rem_euclid(86_400) / 3600;
    let fails = habit.fails * if hour == 11 { 4 } else { 1 };
    let has_failed = chance.happens(fails.min(1000));
    let retries = match has_failed && habit.retries > 0 {
        true => 2,
        false => u32::from(chance.happens(habit.retries)),
    };
    let is_canceled = chance.happens(3);
    let takes = Duration::from_millis(chance.around(habit.takes));
    let delay = match is_held_up {
        true => Duration::from_millis(20_000 + chance.below(70_000)),
        false => Duration::from_millis(chance.around(8)),
    };
    let schedule = match habit.priority {
        20 => Schedule::Single(due),
        _ => Schedule::Async,
    };
    // All of these are names and JSON by the tests.
    let (Ok(hook), Ok(group)) = (Hook::new(habit.hook), Group::new(habit.group)) else { return };
    let Ok(args) = format!("{}{order}}}", habit.args).parse::<Args>() else { return };
    let output = (!habit.prints.is_empty()).then(|| habit.prints.to_owned());
    past.add(Course {
        hook,
        group,
        args,
        priority: Priority(habit.priority),
        schedule,
        due,
        delay,
        took: takes,
        retries: if is_canceled { 0 } else { retries },
        reason: habit.reason,
        status: match (is_canceled, has_failed) {
            (true, _) => Status::Canceled,
            (false, true) => Status::Failed,
            (false, false) => Status::Complete,
        },
        output: output.filter(|_| !has_failed),
    });
}
