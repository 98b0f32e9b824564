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

    /// Workers are cut off and trust their caches for long, and others are not.
    mutating func favourCutOffWorkers(_ chance: inout Chance) {
        favourLateInvalidations(&chance)
        workers = chance.number(2...3)
        organizations = 2
        graceMilliseconds = leaseMilliseconds * 5
        stallPercent = 0
        faultLength = .milliseconds(leaseMilliseconds + graceMilliseconds)
        faultPause = .milliseconds(leaseMilliseconds)
    }

    /// Primaries fail, one after the other.
    mutating func favourFailovers(_ chance: inout Chance) {
        hasFailover = true
        leaseMilliseconds = chance.number(100...400)
        graceMilliseconds = chance.percent(50) ? 0 : chance.number(1...600)
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        failoverSpan = chance.number(lease / 4...lease * 3)
        faultPause = chance.number(lease / 2...lease * 3 / 2)
        faultLength = chance.number(lease * 2...lease * 6)
        length = lease * chance.number(10...24)
        changePause = chance.number(lease / 4...lease)
    }

    /// Shards of a cluster fail over, and slots move.
    mutating func favourCluster(_ chance: inout Chance) {
        favourFailovers(&chance)
        (hasFailover, hasCluster) = (false, true)
        tellsOfLostKeys = chance.percent(50)
    }

    /// Primaries fail, and former primaries that nobody has told have a replica left, or readers.
    mutating func favourTwoCopies(_ chance: inout Chance) {
        favourFailovers(&chance)
        (copies, promotesNewest) = (2, true)
    }

    /// One plot follows the other, and changes are quick.
    private mutating func favourPlot(_ plot: Fault) {
        (workers, organizations, administrators) = (2, 2, 3)
        (faults, failovers) = ([plot], [.crash, .pause, .partition])
        leaseMilliseconds = min(leaseMilliseconds, 200)
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        graceMilliseconds = leaseMilliseconds * 5
        (failoverSpan, changePause, faultPause) = (lease / 4, lease / 4, lease * 2)
        length = lease * 60
        stallPercent = 0
        workerDelayMax = .microseconds(200)
        isMixed = false
    }

    mutating func favour(_ flaw: Flaw, _ chance: inout Chance) {
        switch flaw {
        case .procedure(let flaw): favour(flaw, &chance)
        case .driver: break
        case .inCluster(let flaw):
            favourCluster(&chance)
            favourInCluster(flaw, &chance)
        #if CANARIES
            case .omission(let obligation): favour(obligation, &chance)
            case .omissions: favourLateInvalidations(&chance)
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
        case .signalBeforeChange:
            // A worker reads the record again between the signal and the change.
            faults = [.lateInvalidations]
            (workers, organizations) = (2, 1)
            faultPause = .milliseconds(leaseMilliseconds)
            faultLength = faultPause / 2
            changePause = faultPause
            delayMax = .milliseconds(5)
            requestPause = .milliseconds(5)
            stallPercent = 3
        case .silentNotWaitedOut: faults = [.stall, .partition, .halfOpen]
        case .graceNotWaitedFor:
            graceMilliseconds = leaseMilliseconds * 4
            faults = [.partition, .stall]
        case .termUnknownNotWaited:
            favourCutOffWorkers(&chance)
            faults = [.restartWithoutList, .partition, .partition]
        case .termWithoutGeneration:
            favourCutOffWorkers(&chance)
            faults = [.removeList, .partition, .partition, .reloadWorker]
        case .emptyStoreNotWaited:
            favourCutOffWorkers(&chance)
            faults = [.emptyStore, .partition, .partition]
        case .checksumIgnored:
            favourCutOffWorkers(&chance)
            faults = [.removeField, .partition, .partition]
        case .silentForgotten, .noteOfAnotherBoot:
            favourSilence(&chance)
            graceMilliseconds = leaseMilliseconds * 4
            faults = [.partition, .partition, .stall]
        case .removedNotWaitedFor:
            favourCutOffWorkers(&chance)
            faults = [.removeWorker, .partition, .partition]
        case .confirmedByCount:
            favourCutOffWorkers(&chance)
            faults = [.partition]
        case .signalMissingNotWaitedOut: faults = [.refuseSignals, .lateInvalidations]
        case .copiesIgnored, .waitOnFreshConnection:
            favourFailovers(&chance)
            faults = [.failOverBehind]
            changePause = .milliseconds(leaseMilliseconds / 4)
        case .copiesOfServer:
            // A primary that has just been cut off has no replicas, and is still named.
            favourFailovers(&chance)
            (faults, failovers, administrators) = ([.failOver], [.partition], 8)
            failoverSpan = .milliseconds(leaseMilliseconds * 3)
            changePause = .milliseconds(leaseMilliseconds / 4)
            stallPercent = 0
        case .minorityDecides:
            // A sentinel, and a replica, are cut off with the primary.
            favourTwoCopies(&chance)
            favourPlot(.cutOff)
            failovers = [.split]
            graceMilliseconds = 0
        case .failoverIgnored:
            favourTwoCopies(&chance)
            (faults, failovers) = ([.failOver], [.ordered])
            failoverSpan = .milliseconds(leaseMilliseconds * 3)
            changePause = .milliseconds(leaseMilliseconds / 4)
            stallPercent = 0
        case .primaryNotConfirmed:
            favourTwoCopies(&chance)
            faults = [.failOver]
        case .epochIgnored:
            favourFailovers(&chance)
            favourPlot(.returnToPrimary)
        case .holderNotAgreed, .movesIgnored, .transactionRepeated:
            favourCluster(&chance)
            favourInCluster(.procedure(flaw), &chance)
        }
    }

    private mutating func favourInCluster(_ flaw: Flaw, _ chance: inout Chance) {
        switch flaw {
        case .procedure(let flaw): favourInCluster(flaw, &chance)
        #if CANARIES
            case .omission(let obligation): favourInCluster(obligation, &chance)
        #endif
        default: break
        }
    }

    private mutating func favourInCluster(_ flaw: Flaw.Procedure, _ chance: inout Chance) {
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        changePause = lease / 4
        switch flaw {
        case .copiesIgnored, .waitOnFreshConnection: faults = [.failOverShardBehind]
        case .movesIgnored:
            (faults, organizations) = ([.moveSlot, .moveSlot, .listRecords], 6)
            faultPause = lease / 8
        case .transactionRepeated:
            (faults, organizations, administrators) = ([.moveSlot], 2, 8)
            changePause = lease / 8
        case .holderNotAgreed:
            // A slot that shares a signal with others is not asked about otherwise.
            (faults, organizations, bulkPercent) = ([.takeSlot], 6, 80)
            (faultPause, changePause, tellsOfLostKeys) = (lease / 2, lease / 8, true)
            failoverSpan = lease * 3
        case .silentNotWaitedOut: faults = [.partition, .stall, .halfOpen]
        default: favourLateNews(&chance)
        }
    }

    /// Primaries of a cluster are cut off, and hear late of their successors; so do others.
    private mutating func favourLateNews(_ chance: inout Chance) {
        favourCutOffWorkersOfCluster(&chance)
        (faults, graceMilliseconds, administrators) = ([.failOverShard], 0, 8)
        failoverSpan = .milliseconds(leaseMilliseconds * 3)
        faultPause = .milliseconds(leaseMilliseconds)
        faultLength = failoverSpan * 2
    }

    /// A worker is cut off with a former primary, and trusts it for long.
    private mutating func favourCutOffWorkersOfCluster(_ chance: inout Chance) {
        let lease = Nanoseconds.milliseconds(leaseMilliseconds)
        (workers, organizations, stallPercent) = (2, 2, 0)
        faults = [.cutOffShard]
        graceMilliseconds = leaseMilliseconds * 5
        (failoverSpan, changePause, faultPause) = (lease / 4, lease / 4, lease * 2)
        length = lease * 60
        workerDelayMax = .microseconds(200)
        isMixed = false
    }

    #if CANARIES
        private mutating func favour(_ obligation: Obligation, _ chance: inout Chance) {
            switch obligation {
            case .decidesOnlyAttested, .readsAreFenced, .majorityAttests:
                favourTwoCopies(&chance)
                favourPlot(.cutOff)
                failovers = obligation == .majorityAttests ? [.split] : [.partition]
                graceMilliseconds = 0
            case .versionsOfOnePrimary:
                favourTwoCopies(&chance)
                faults = [.failOver, .failOver, .failOver, .partition, .stall]
            case .attestationCountsFromAsking:
                favourTwoCopies(&chance)
                favourPlot(.hearLate)
                (leaseMilliseconds, graceMilliseconds, timeoutMilliseconds) = (100, 0, 500)
                failoverSpan = .milliseconds(20)
                requestPause = .milliseconds(5)
            case .graceIsNotRestarted:
                favourTwoCopies(&chance)
                favourPlot(.hearNews)
                graceMilliseconds = 3000
                length = .milliseconds(20_000)
            case .handoverAfterAttestation:
                favourTwoCopies(&chance)
                favourPlot(.loseEntry)
            case .leaseCountsFromSending, .heartbeatIsMatched:
                // An answer is late, and the invalidations after it are even later.
                favourLateInvalidations(&chance)
                timeoutMilliseconds = 500
                faults = [.lateInvalidations]
                faultLength = .milliseconds(leaseMilliseconds)
            case .readAfterTracking:
                // A reply is late, and meanwhile the invalidation link is away for a while. A newer read would
                // keep the reply out of the cache, and so would the signal of a change of that record alone.
                favourLateInvalidations(&chance)
                (workers, organizations, isQuiet, bulkPercent) = (1, 6, true, 100)
                timeoutMilliseconds = 1000
                graceMilliseconds = leaseMilliseconds * 2
                faults = [.refuseTracking, .lateAnswers]
                faultPause = .milliseconds(leaseMilliseconds / 2)
                faultLength = faultPause
                changePause = .milliseconds(leaseMilliseconds * 3)
                requestPause = .milliseconds(leaseMilliseconds / 4)
                stallPercent = 0
                length = .milliseconds(leaseMilliseconds * 60)
            case .trustsOnlyAsMember, .emptyCacheOnJoin:
                // A worker is not in the membership list, and its invalidations are late.
                favourLateInvalidations(&chance)
                (workers, organizations) = (1, 1)
                faults = [.refuseJoins, .reloadWorker, .lateInvalidations]
                faultLength = .milliseconds(leaseMilliseconds)
                faultPause = faultLength / 2
                changePause /= 2
                requestPause = .milliseconds(10)
            case .staleRecordRefusesNobody:
                graceMilliseconds = leaseMilliseconds * 4
                faults = [.partition, .stall]
            case .leaseByEarlierAnswer, .asksAfterCheck:
                (hasThreads, isStrict) = (true, true)
                changePause = .milliseconds(leaseMilliseconds / 4)
                requestPause = .milliseconds(leaseMilliseconds / 20)
            case .entryIsCompared:
                // A worker has joined again since the copy was made that is put in place of its database.
                graceMilliseconds = 0
                faults = [.swapDatabases, .removeField, .removeList, .overrun]
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
            case .leaseOfItsPrimary, .movedSlotsAreForgotten, .reportedSlotsAreDoubted,
                .askedReplyIsNotCached, .attestedByOthers:
                favourCluster(&chance)
                favourInCluster(obligation, &chance)
            case .emptyCacheOnFlush: faults = [.emptyStore, .importRecords]
            default: break
            }
        }

        private mutating func favourInCluster(_ obligation: Obligation, _ chance: inout Chance) {
            (isStrict, graceMilliseconds) = (false, 0)
            changePause = .milliseconds(leaseMilliseconds / 4)
            requestPause = .milliseconds(leaseMilliseconds / 12)
            switch obligation {
            case .leaseOfItsPrimary: faults = [.lateInvalidations, .stall, .cut]
            case .decidesOnlyAttested, .readsAreFenced:
                favourCutOffWorkersOfCluster(&chance)
                graceMilliseconds = 0
                if obligation == .readsAreFenced {
                    failoverSpan = .milliseconds(leaseMilliseconds * 4)
                }
            case .majorityAttests, .attestedByOthers: favourLateNews(&chance)
            case .askedReplyIsNotCached:
                faults = [.moveSlot, .moveSlot, .lateInvalidations, .overrun]
                (workers, bulkPercent) = (2, 50)
            case .reportedSlotsAreDoubted: faults = [.failOverShard, .moveSlot, .moveSlot]
            default:
                // A worker misses the news of the server that has taken a slot.
                tellsOfLostKeys = false
                faults = [.takeSlot, .takeSlot, .lateInvalidations, .overrun]
                (workers, bulkPercent) = (2, 50)
            }
        }
    #endif
}
