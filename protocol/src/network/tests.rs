//! Documents that make no network, and the quota of a log.

#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;

#[track_caller]
fn refuses(change: impl FnOnce(&mut NetworkGenesis), expected: &GenesisError) {
    let mut genesis = NetworkGenesis::development();
    change(&mut genesis);
    assert_eq!(NetworkGenesis::decode(&genesis.encode()).as_ref(), Err(expected));
    let Err(NetworkFileError::Genesis(error)) = NetworkGenesis::from_json(&genesis.to_json()) else {
        panic!("the JSON form is taken");
    };
    assert_eq!(&error, expected);
}

#[test]
fn numbers_out_of_range_are_refused_in_both_forms() {
    refuses(|genesis| genesis.version = 2, &GenesisError::Version(2));
    refuses(|genesis| genesis.name.clear(), &GenesisError::Name(String::new()));
    refuses(|genesis| genesis.name = "ä".repeat(65), &GenesisError::Name("ä".repeat(65)));
    for shards in [0, 3, 2048] {
        refuses(|genesis| genesis.params.shards = shards, &GenesisError::Shards(shards));
    }
    refuses(|genesis| genesis.params.agent_work_bits = 33, &GenesisError::Work(33));
    refuses(|genesis| genesis.params.node_work_bits = 255, &GenesisError::Work(255));
    let general: CommunityName = "general".parse().unwrap();
    let doubled = GenesisError::Communities(general.clone());
    refuses(|genesis| genesis.communities = vec![general.clone(), general.clone()], &doubled);
    let unsorted = GenesisError::Communities("aa".parse().unwrap());
    refuses(|genesis| genesis.communities = vec![general, "aa".parse().unwrap()], &unsorted);
}

#[test]
fn a_file_with_a_field_too_many_or_too_few_is_refused() {
    let good = NetworkGenesis::development().to_json();
    for bad in
        [good.replacen('{', "{\"extra\": 1,", 1), good.replace("\"shards\": 4,", ""), "[]".to_owned(), String::new()]
    {
        assert!(matches!(NetworkGenesis::from_json(&bad), Err(NetworkFileError::Json(_))), "{bad}");
    }
}

#[test]
fn every_number_changes_the_network() {
    let development = NetworkGenesis::development();
    let changes: [fn(&mut NetworkGenesis); 6] = [
        |genesis| genesis.name.push('x'),
        |genesis| genesis.created_ms.0 += 1,
        |genesis| genesis.communities.truncate(2),
        |genesis| genesis.params.log_burst += 1,
        |genesis| genesis.params.generation += 1,
        |genesis| genesis.params.agent_work_bits += 1,
    ];
    for change in changes {
        let mut other = development.clone();
        change(&mut other);
        assert_ne!(other.id(), development.id());
    }
}

#[test]
fn the_quota_grows_with_the_seconds_of_the_week() {
    let mut params = NetworkGenesis::development().params;
    (params.log_burst, params.log_per_hour) = (10, 7);
    for (seconds, allowed) in [(0, 10), (514, 10), (515, 11), (3600, 17), (7200, 24)] {
        let start = TimeMs(2_000 * crate::limits::WEEK_S * 1000);
        assert_eq!(params.log_quota(start.plus_ms(seconds * 1000)), allowed, "{seconds} seconds into the week");
    }
    (params.log_burst, params.log_per_hour) = (u64::MAX, u64::MAX);
    assert_eq!(params.log_quota(TimeMs(u64::MAX)), u64::MAX);
}

#[test]
fn the_development_network_has_the_three_open_communities() {
    let names: Vec<_> = NetworkGenesis::development().communities.into_iter().map(String::from).collect();
    assert_eq!(names, ["announcements", "general", "introductions"]);
}
