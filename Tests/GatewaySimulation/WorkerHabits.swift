/// How quick a worker's machine is, and what its clients like.
final class WorkerHabits {
    private var delayMax: Nanoseconds

    init(delayMax: Nanoseconds) { self.delayMax = delayMax }

    /// From now on it is quick.
    func hurry() { delayMax = min(delayMax, .microseconds(200)) }

    /// Between an event and the turn that takes it.
    func delay(_ chance: inout Chance) -> Nanoseconds { chance.number(1000...delayMax) }

    /// Whether other requests take time between two events of a turn.
    func dawdles(_ chance: inout Chance) -> Bool { chance.percent(20) }

    func staysOpen(_ chance: inout Chance) -> Bool { chance.percent(20) }
}
