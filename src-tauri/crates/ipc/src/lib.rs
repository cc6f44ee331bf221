//! The local API: JSON-RPC types, error table, socket path, transports, provenance of callers, client.
