@testable import Gateway

/// Worlds that give a flaw its best chance to do harm. They are judged like all others.
extension Scenario {
    /// Invalidations are often late, and changes follow fast.
    mutating func favourLateInvalidations(_ chance: inout Chance) {
        isStrict = false
        leaseMilliseconds = chance.number(100...200)
        graceMilliseconds = chance.percent(50) ? 0 : chance.number(1...200)
        timeoutMilliseconds = chance.number(100...500)
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        faultPause = lease / 4
        faultLength = lease * 2
        changePause = lease / 2
        stallMax = lease * 2
        stallPercent = 2
        length = lease * 14
        workerDelayMax = .microseconds(200)
    }

    /// Workers are silent for longer than administrators wait, are removed from the list, and return.
    mutating func favourSilence(_ chance: inout Chance) {
        favourLateInvalidations(&chance)
        graceMilliseconds = chance.percent(70) ? 0 : chance.number(1...100)
        timeoutMilliseconds = 500
        changePause = .milliseconds(leaseMilliseconds / 3)
        faultLength = .milliseconds(2 * (leaseMilliseconds + graceMilliseconds))
        length = .milliseconds(leaseMilliseconds * 14)
        administrators = 3
    }

    mutating func favour(_ flaw: Flaw, _ chance: inout Chance) {
        switch flaw {
        case .procedure(let flaw): favour(flaw, &chance)
        case .driver: break
        #if CANARIES
            case .omission(let obligation): favour(obligation, &chance)
        #endif
        }
    }

    private mutating func favour(_ flaw: Flaw.Procedure, _ chance: inout Chance) {
        favourLateInvalidations(&chance)
        switch flaw {
        case .listReadTooEarly:
            // A worker starts during a change, and is the only one to wait for.
            (workers, organizations) = (1, 1)
            faults = [.reloadWorker, .lateInvalidations]
            delayMax = .milliseconds(5)
            faultPause = .milliseconds(leaseMilliseconds / 2)
            faultLength = faultPause
            requestPause = .milliseconds(3)
        case .barrierWithChange: faults = [.lateInvalidations]
        case .silentNotWaitedOut: faults = [.stall, .partition, .halfOpen]
        case .graceNotWaitedFor:
            graceMilliseconds = leaseMilliseconds * 4
            faults = [.partition, .stall]
        case .livingTakenOut: faults = [.partition, .stall, .stopWorker]
        }
    }

    #if CANARIES
        private mutating func favour(_ obligation: Obligation, _ chance: inout Chance) {
            switch obligation {
            case .leaseCountsFromSending, .heartbeatIsMatched:
                // An answer is late, and the invalidations behind it are even later.
                favourLateInvalidations(&chance)
                timeoutMilliseconds = 500
                faults = [.lateInvalidations]
                faultLength = .milliseconds(leaseMilliseconds)
            case .readAfterTracking:
                // A reply is late, and meanwhile the invalidation link reconnects.
                favourLateInvalidations(&chance)
                organizations = 1
                timeoutMilliseconds = 500
                faults = [.lateInvalidations, .overrun, .lateAnswers]
                faultPause /= 2
                changePause /= 2
                requestPause = .milliseconds(leaseMilliseconds / 2)
                delayMax = .milliseconds(5)
            case .trustsOnlyAsMember, .emptyCacheOnJoin:
                // A worker is not in the membership list, and its invalidations are late.
                favourLateInvalidations(&chance)
                faults = [.refuseJoins, .reloadWorker, .lateInvalidations]
                faultLength = .milliseconds(leaseMilliseconds)
                changePause /= 2
            case .staleRecordRefusesNobody:
                graceMilliseconds = leaseMilliseconds * 4
                faults = [.partition, .stall]
            case .streamsAreWatched:
                // There are no invalidations, and few requests reveal a change.
                isStrict = false
                (leaseMilliseconds, timeoutMilliseconds) = (100, 100)
                (organizations, stallPercent) = (6, 0)
                faults = [.refuseTracking]
                faultPause = .milliseconds(500)
                faultLength = .milliseconds(3000)
                (changePause, requestPause) = (.milliseconds(500), .milliseconds(80))
                length = .milliseconds(5000)
            default: break
            }
        }
    #endif
}
