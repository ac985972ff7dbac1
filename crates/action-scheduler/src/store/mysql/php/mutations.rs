//! Rows of the fixtures with bytes flipped, left out and put in: read or refused, never a panic.

use proptest::prelude::*;

use super::dump;
use super::schedule::StoredSchedule;
use super::serialize::serialize;
use super::stored_args::StoredArgs;
use super::unserialize::unserialize;

#[derive(Debug, Clone)]
enum Mutation {
    Set(usize, u8),
    Insert(usize, u8),
    Delete(usize),
    Cut(usize),
    /// A stretch again, elsewhere.
    Copy(usize, usize, usize),
}

impl Mutation {
    fn apply(&self, bytes: &mut Vec<u8>) {
        let length = bytes.len();
        if length == 0 {
            return;
        }
        match *self {
            Mutation::Set(at, byte) => bytes[at % length] = byte,
            Mutation::Insert(at, byte) => bytes.insert(at % length, byte),
            Mutation::Delete(at) => drop(bytes.remove(at % length)),
            Mutation::Cut(at) => bytes.truncate(at % length),
            Mutation::Copy(from, count, to) => {
                let from = from % length;
                let stretch = bytes[from..(from + count).min(length)].to_vec();
                bytes.splice(to % length..to % length, stretch);
            }
        }
    }
}

fn mutation() -> impl Strategy<Value = Mutation> {
    // Mostly the bytes that the formats are made of.
    let byte = prop_oneof![
        3 => prop::sample::select(b"0123456789-+.eEINFA:;\"{}[],\\ubidsaONrRCT\0*".to_vec()),
        1 => any::<u8>(),
    ];
    let at = || any::<usize>();
    prop_oneof![
        4 => (at(), byte.clone()).prop_map(|(at, byte)| Mutation::Set(at, byte)),
        3 => (at(), byte).prop_map(|(at, byte)| Mutation::Insert(at, byte)),
        3 => at().prop_map(Mutation::Delete),
        1 => at().prop_map(Mutation::Cut),
        1 => (at(), 1_usize..80, at()).prop_map(|(from, count, to)| Mutation::Copy(from, count, to)),
    ]
}

fn mutated(originals: Vec<Vec<u8>>) -> impl Strategy<Value = Vec<u8>> {
    (prop::sample::select(originals), prop::collection::vec(mutation(), 1..6)).prop_map(
        |(mut bytes, mutations)| {
            mutations.iter().for_each(|mutation| mutation.apply(&mut bytes));
            bytes
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(ProptestConfig::default().cases.max(2_000)))]

    #[test]
    fn a_damaged_schedule_is_refused_with_its_place_or_means_something_that_can_be_written(
        bytes in mutated(dump::schedules()),
    ) {
        match StoredSchedule::parse(&bytes) {
            Ok(schedule) => {
                prop_assert_eq!(StoredSchedule::parse(&schedule.to_bytes()), Ok(schedule));
            }
            Err(error) => prop_assert!(!error.to_string().contains('\n')),
        }
    }

    #[test]
    fn what_is_read_of_a_damaged_text_is_written_back_to_it(bytes in mutated(dump::schedules())) {
        match unserialize(&bytes) {
            Ok(value) if !bytes.windows(2).any(|pair| pair == b"d:") => {
                prop_assert_eq!(serialize(&value), bytes);
            }
            Ok(_) => {}
            Err(error) => prop_assert!(error.offset <= bytes.len()),
        }
    }

    #[test]
    fn damaged_args_are_refused_or_can_be_stored_again(bytes in mutated(dump::args())) {
        if let Ok(args) = StoredArgs::read(Some(&bytes), None) {
            match StoredArgs::new(&args) {
                Ok(stored) => {
                    let extended = stored.extended_args.as_deref().map(str::as_bytes);
                    let again = StoredArgs::read(Some(stored.args.as_bytes()), extended).unwrap();
                    prop_assert_eq!(StoredArgs::new(&again), Ok(stored));
                }
                Err(error) => prop_assert!(error.to_string().starts_with("args ")),
            }
        }
    }
}
