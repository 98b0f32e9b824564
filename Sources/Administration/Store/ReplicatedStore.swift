import Keyring
import RedisClient

/// A store whose primary may change. In a cluster: the part of it that has one place.
protocol ReplicatedStore: StoreChannel {
    /// How long commands wait for a primary, in milliseconds.
    var patienceMilliseconds: UInt64 { get set }

    /// The primary that the connection leads to, as it was last named; `nil` without a connection.
    var connected: NamedPrimary? { get }

    /// Asks the witnesses anew: the sentinels, or the other primaries of a cluster. If they name another primary
    /// than the connection leads to, the next commands open a connection to that one.
    ///
    /// - Parameter unanimously: Whether every other primary of a cluster has to name it, instead of most. That
    ///   changes nothing for sentinels.
    /// - Throws: A fault if they do not agree.
    func findPrimary(unanimously: Bool) throws(StoreConnection.Fault) -> NamedPrimary
}

/// A store whose records several primaries share.
protocol ClusteredStore: StoreChannel {
    /// Sends commands about several places, and follows what moves. Errors that say that a key is elsewhere, or
    /// that nobody holds it, are not among the replies to commands that it can repeat.
    ///
    /// - Throws: A fault if there are not all replies. Some of the commands may have been carried out.
    func carryOut(_ parts: [PlacedCommands]) throws(StoreConnection.Fault) -> [[RedisReply]]

    /// The primary that holds a place, as far as that is known.
    func owner(of place: Place) -> Primary?

    /// Whether the other primaries, most of them at least, named the same holder of a place when they were last asked.
    func isAgreed(on place: Place) -> Bool

    /// Reads anew which servers there are.
    ///
    /// - Throws: A fault if no server reports them.
    func refresh() throws(StoreConnection.Fault) -> ClusterSurvey

    /// The terms of all primaries; `nil` if one does not report its own.
    func terms() -> [Term]?
}
