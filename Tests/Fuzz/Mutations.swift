import TestSupport

/// Alters texts like damage, mistakes and attackers.
struct Mutations {
    /// What is inserted into a text: characters and words of the grammar.
    let words: [[UInt8]]

    init(words: [String]) {
        self.words = words.map { Array($0.utf8) }
    }

    /// Alters a text once. The result may be the same, or empty.
    func apply(to text: inout [UInt8], _ random: inout SplitMix64) {
        let end = text.count
        let place = random.below(end + 1)
        switch random.below(12) {
        case 0: change(&text, place) { $0 ^ 1 << UInt8(random.below(8)) }
        case 1: change(&text, place) { _ in random.byte() }
        case 2: change(&text, place) { $0 &+ 1 }
        case 3: change(&text, place) { $0 ^ 0x20 }
        case 4: text.insert(random.byte(), at: place)
        case 5: text.insert(contentsOf: random.element(words), at: place)
        case 6: text.replaceSubrange(place..<min(end, place + 1), with: random.element(words))
        case 7: text.removeSubrange(place..<min(end, place + 1 + random.below(8)))
        case 8: text.removeSubrange(place...)
        case 9: text += text[place..<min(end, place + random.below(64))]
        case 10: exchange(&text, place, random.below(end + 1))
        default:
            text.insert(
                contentsOf: [UInt8](repeating: random.byte(), count: random.below(40)),
                at: place
            )
        }
    }

    private func change(_ text: inout [UInt8], _ place: Int, _ change: (UInt8) -> UInt8) {
        if place < text.count { text[place] = change(text[place]) }
    }

    private func exchange(_ text: inout [UInt8], _ left: Int, _ right: Int) {
        if left < text.count, right < text.count { text.swapAt(left, right) }
    }
}
