#if CANARIES
    import KeyFormat
    import RedisClient

    extension Gatekeeper {
        /// A gatekeeper's state that tests and the simulation may see beside its public interface.
        struct Probe {
            fileprivate let gatekeeper: Gatekeeper

            var isStoreReady: Bool {
                let places = gatekeeper.places
                return !places.isEmpty && places.allSatisfy { gatekeeper.nodes[$0].data.isReady }
            }

            /// Until when cached records decide.
            var trustedUntil: MonotonicTime { gatekeeper.earliest { $0.trustedUntil } }

            /// The same for the record of one organization.
            func trustedUntil(of locator: Locator) -> MonotonicTime {
                gatekeeper.cluster.place(of: locator).map {
                    gatekeeper.nodes[$0].lease.trustedUntil
                } ?? .origin
            }

            /// Until when the store's replies decide.
            var attestedUntil: MonotonicTime { gatekeeper.earliest { $0.fencedUntil } }

            /// Requests that were decided and not handed out.
            var undelivered: [UInt] { gatekeeper.checks.undelivered.map(\.request) }

            /// The newest version of a record that the cache has seen proven.
            func version(of locator: Locator) -> UInt64 { gatekeeper.cache.version(of: locator) }

            /// Everything from which bytes for the store may come: a check that changes none of it
            /// causes no traffic.
            var traffic: [Int] {
                [
                    gatekeeper.places.count { gatekeeper.nodes[$0].data.hasOutput },
                    gatekeeper.places.count {
                        gatekeeper.nodes[$0].invalidations.link.hasOutput
                    },
                    gatekeeper.checks.hasUnsentReads ? 1 : 0,
                    gatekeeper.streams.hasStale ? 1 : 0,
                    gatekeeper.uses.unconfirmedCount,
                    gatekeeper.checks.count,
                    gatekeeper.cache.count,
                ]
            }
        }

        var probe: Probe { Probe(gatekeeper: self) }
    }
#endif
