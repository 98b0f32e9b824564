@testable import Gateway

/// Worlds in which a flaw has its best chance to do harm. They are judged like all others.
extension Scenario {
    mutating func favour(_ flaw: Flaw, _ chance: inout Chance) {
        #if CANARIES
            guard case .omission(let obligation) = flaw else { return }
            switch obligation {
            case .leaseCountsFromSending, .heartbeatIsMatched:
                // An answer is late, and the news behind it are later still.
                favourLateNews(&chance)
            case .readAfterListening:
                // A reply is late, and meanwhile the connection for news is made anew.
                favourLateNews(&chance)
                faults = [.cut, .closeByStore, .stall, .closeByStore]
                delayMax = .milliseconds(5)
            case .trustsOnlyRegistered:
                // The fleet does not know of a worker, and news come late to it.
                favourLateNews(&chance)
                faults = [.refuseEntries, .replaceWorker, .stall, .stall]
            default: break
            }
        #endif
    }

    private mutating func favourLateNews(_ chance: inout Chance) {
        isStrict = false
        leaseMilliseconds = chance.number(100...200)
        graceMilliseconds = 0
        timeoutMilliseconds = 500
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        faults = [.stall]
        faultPause = lease / 4
        faultLength = lease * 2
        changePause = lease / 2
        stallMax = lease * 2
        length = lease * 14
        workerDelayMax = .microseconds(200)
    }
}
