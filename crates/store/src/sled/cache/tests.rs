//! Bounds and staleness of the caches.

use super::*;

#[test]
fn the_least_recently_used_go_when_the_bytes_are_full() {
    let mut cache = ByteCache::new(100);
    for key in 0..10 {
        cache.replace(key, key, 20);
        // Kept by being used.
        assert!(cache.get(&0).is_some());
    }
    assert!(cache.bytes <= 100);
    let left: Vec<_> = (0..10).filter(|key| cache.get(key).is_some()).collect();
    assert_eq!(left, [0, 6, 7, 8, 9]);
    cache.replace(9, 9, 60);
    assert_eq!(cache.bytes, 100, "a value written over counts once");
}

#[test]
fn what_was_read_before_a_change_is_not_put_back() {
    let mut cache = ByteCache::new(100);
    let age = cache.age();
    cache.remove(&1);
    cache.put_if(age, 1, "old", 10);
    assert_eq!(cache.get(&1), None);
    cache.put_if(cache.age(), 1, "new", 10);
    assert_eq!(cache.get(&1), Some("new"));
}
