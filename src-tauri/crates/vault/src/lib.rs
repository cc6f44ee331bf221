//! The OS keychain in layers: raw items, chunks, journal; and a memory that is only ever chosen.
