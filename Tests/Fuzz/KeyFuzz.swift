import KeyFormat
import TestSupport

/// Keys: exactly the generated keys are issued; any other text that an independent parser finds
/// well-formed is forged.
struct KeyFuzz: FuzzTarget {
    private struct Shop {
        let prefix: [UInt8]
        let verifier: KeyVerifier
        var keys: [[UInt8]] = []
        var issued: [[UInt8]: (locator: Locator, verifier: Verifier)] = [:]
    }

    private static let keysPerShop = 200

    private var shops: [Shop] = []
    private var issued = 0
    private var forged = 0
    private var malformed = 0
    private let mutations = Mutations(words: [
        "_", "__", "lk", "lk_", "_live", "_test", "\0", "\n", "\r\n", " ", "\u{e9}", "0", "z", "-",
        "+", "/", "=",
    ])

    init() throws {
        var random = SplitMix64(seed: 1)
        for prefix in ["lk", "acme_live", "a1_test"] {
            let pepper = hexadecimal(random.bytes(count: 32))
            let older = hexadecimal(random.bytes(count: 32))
            shops.append(try Self.shop(prefix, pepperFile: pepper + [0x0A] + older))
        }
    }

    var outcomes: [Int] { [issued, forged, malformed] }

    var tally: String { "\(issued) issued, \(forged) forged, \(malformed) malformed" }

    private static func shop(_ name: String, pepperFile: [UInt8]) throws -> Shop {
        let prefix = KeyPrefix(name.utf8)!
        let ring = try PepperRing(contents: SecretBytes(copying: pepperFile.span))
        var shop = Shop(
            prefix: Array(name.utf8),
            verifier: KeyVerifier(prefix: prefix, peppers: ring)
        )
        for index in 0..<keysPerShop {
            let mint = KeyMint(prefix: prefix, pepper: ring.peppers[index % ring.peppers.count])
            let locator = Locator(organization: "org-\(index % 10)".utf8)
            let minted = mint.mint(for: locator)
            let text = minted.text.withSpan { span in span.indices.map { span[$0] } }
            shop.keys.append(text)
            shop.issued[text] = (locator, minted.verifier)
        }
        return shop
    }

    mutating func run(_ random: inout SplitMix64) throws {
        let shop = shops[random.below(shops.count)]
        let text = input(shop, &random)
        switch shop.verifier.verdict(on: text.span) {
        case .malformed:
            malformed += 1
            guard !isWellFormed(text, shop) else {
                throw Violation("a well-formed key is malformed", text)
            }
        case .forged:
            forged += 1
            guard isWellFormed(text, shop) else {
                throw Violation("a malformed key is forged", text)
            }
            guard shop.issued[text] == nil else { throw Violation("an issued key is forged", text) }
        case .issued(let key):
            issued += 1
            guard let minted = shop.issued[text] else {
                throw Violation("a key was never minted", text)
            }
            guard key.locator == minted.locator, key.verifier == minted.verifier else {
                throw Violation("an issued key has the identity of another", text)
            }
        }
    }

    // MARK: Inputs

    private func input(_ shop: Shop, _ random: inout SplitMix64) -> [UInt8] {
        if random.once(in: 20) { return noise(&random) }
        var text = random.once(in: 10) ? random.element(shops).keys[0] : random.element(shop.keys)
        for _ in 0..<random.below(4) { alter(&text, shop, &random) }
        // A valid checksum lets the input reach the tag.
        if random.once(in: 2), text.count > 6 { seal(&text) }
        return text
    }

    private func noise(_ random: inout SplitMix64) -> [UInt8] {
        let length = random.once(in: 200) ? random.below(65_537) : random.below(130)
        return random.bytes(count: length)
    }

    private func alter(_ text: inout [UInt8], _ shop: Shop, _ random: inout SplitMix64) {
        switch random.below(4) {
        case 0: mutations.apply(to: &text, &random)
        case 1: replaceDigits(&text, &random)
        case 2: splice(&text, random.element(shop.keys), &random)
        default:
            let place = random.below(text.count + 1)
            if place < text.count { text[place] = random.element(digits) }
        }
    }

    /// Replaces a part, such as the secret, tag or checksum, with random digits.
    private func replaceDigits(_ text: inout [UInt8], _ random: inout SplitMix64) {
        let length = random.element([1, 6, 8, 14, 32])
        guard text.count >= length else { return }
        let start = random.once(in: 2) ? text.count - length : random.below(text.count - length + 1)
        text.replaceSubrange(start..<start + length, with: random.bytes(count: length, of: digits))
    }

    private func splice(_ text: inout [UInt8], _ other: [UInt8], _ random: inout SplitMix64) {
        let place = random.below(min(text.count, other.count) + 1)
        text.replaceSubrange(place..., with: other[place...])
    }

    private func seal(_ text: inout [UInt8]) {
        text.removeLast(6)
        text += checksumDigits(text[...])
    }

    // MARK: An independent parser of keys

    private let digits = Array(
        "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8
    )

    private func isWellFormed(_ text: [UInt8], _ shop: Shop) -> Bool {
        guard text.count == shop.prefix.count + 62, text.starts(with: shop.prefix) else {
            return false
        }
        let parts = text[shop.prefix.count...].split(
            separator: UInt8(ascii: "_"),
            omittingEmptySubsequences: false
        )
        guard parts.map(\.count) == [0, 14, 46], parts.joined().allSatisfy(isDigit) else {
            return false
        }
        return text.suffix(6).elementsEqual(checksumDigits(text.dropLast(6)))
    }

    private func isDigit(_ byte: UInt8) -> Bool {
        let letter = byte | 0x20
        return (0x30...0x39).contains(byte) || (0x61...0x7A).contains(letter) && byte < 0x80
    }

    private func checksumDigits(_ text: ArraySlice<UInt8>) -> [UInt8] {
        var rest: UInt32 = 0xFFFF_FFFF
        for byte in text {
            rest ^= UInt32(byte)
            for _ in 0..<8 { rest = rest & 1 == 0 ? rest >> 1 : rest >> 1 ^ 0xEDB8_8320 }
        }
        rest = ~rest
        var text: [UInt8] = []
        for _ in 0..<6 {
            text.insert(digits[Int(rest % 62)], at: 0)
            rest /= 62
        }
        return text
    }
}

/// Lower-case hexadecimal digits of bytes.
func hexadecimal(_ bytes: [UInt8]) -> [UInt8] {
    let digits = Array("0123456789abcdef".utf8)
    return bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
}
