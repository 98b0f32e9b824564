import KeyFormat

/// Asks all workers to write down what they know of the uses of an organization's keys. Who has
/// confirmed it has done so, and the store then tells of no fewer uses than there were when it was
/// asked.
public struct UseInquiry: FleetWord {
    private static let separator = UInt8(ascii: ":")

    /// The organization's.
    public let locator: Locator
    private let nonce: Barrier.Nonce

    /// - Parameter nonce: What no other word has.
    public init(about locator: Locator, nonce: Barrier.Nonce) {
        self.locator = locator
        self.nonce = nonce
    }

    /// A question as it came over the channel. `nil` for anything else.
    public init?(_ text: ArraySlice<UInt8>) {
        let nonceEnd = text.startIndex + Barrier.Nonce.length
        guard text.count == Barrier.Nonce.length + 1 + Locator.length,
            text[nonceEnd] == Self.separator, let nonce = Barrier.Nonce(text[..<nonceEnd]),
            let locator = Locator(ascii: text.span, at: Barrier.Nonce.length + 1)
        else { return nil }
        self.init(about: locator, nonce: nonce)
    }

    /// The nonce and the locator, with a colon between them.
    public var description: String { "\(nonce):\(locator)" }
}
