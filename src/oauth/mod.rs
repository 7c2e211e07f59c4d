//! Clients, authorization requests, codes, biscuits, refresh families, signing keys.
