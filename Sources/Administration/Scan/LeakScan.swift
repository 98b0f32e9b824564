import Glibc
import KeyFormat
import Keyring

/// Looks for keys in files, and in all that git remembers.
public final class LeakScan {
    /// What is read at once, in bytes.
    private static let pieceLength = 1 << 20

    private let finder = KeyFinder()
    private var administration: KeyAdministration?
    private var known: [[UInt8]: (LeakedKey.Standing, Organization?)] = [:]

    /// The keys that were found.
    public private(set) var keys: [LeakedKey] = []

    /// What could not be looked at, a line each.
    public private(set) var faults: [String] = []

    /// Why nothing is known of the keys, where that is so.
    public private(set) var blindness: String?

    /// - Parameter administration: Knows what keys are worth; `nil` where nobody does.
    public init(_ administration: KeyAdministration?, blindness: String?) {
        self.administration = administration
        self.blindness = blindness
    }

    /// Looks through a file, all files under a folder, or standard input for `-`. Links are not
    /// followed.
    public func scan(path: String) {
        guard path != "-" else { return scan(descriptor: STDIN_FILENO, name: "standard input") }
        var pending = [path]
        while let next = pending.popLast() {
            var status = stat()
            guard lstat(next, &status) == 0 else {
                faults.append("\(next): \(String(cString: strerror(errno)))")
                continue
            }
            switch status.st_mode & S_IFMT {
            case S_IFREG: scan(file: next)
            case S_IFDIR: pending += files(in: next).sorted(by: >)
            default: break
            }
        }
    }

    private func files(in folder: String) -> [String] {
        guard let directory = opendir(folder) else {
            faults.append("\(folder): \(String(cString: strerror(errno)))")
            return []
        }
        defer { closedir(directory) }
        var files: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != ".", name != ".." {
                files.append(folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)")
            }
        }
        return files
    }

    private func scan(file: String) {
        let descriptor = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | O_NOFOLLOW)
        guard descriptor >= 0 else {
            faults.append("\(file): \(String(cString: strerror(errno)))")
            return
        }
        defer { close(descriptor) }
        scan(descriptor: descriptor, name: file)
    }

    private func scan(descriptor: Int32, name: String) {
        var text = PieceWiseText()
        var buffer = [UInt8](repeating: 0, count: Self.pieceLength)
        while true {
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else {
                if count < 0 { faults.append("\(name): \(String(cString: strerror(errno)))") }
                return
            }
            scan(buffer[..<count], &text) { LeakedKey.Place(path: name, line: $0) }
        }
    }

    /// Looks through all objects of a repository: each version of each file, and messages.
    public func scan(repository path: String) {
        do throws(AdministrationError) {
            try GitObjects(path).forEachPiece { object, piece, text in
                scan(piece, &text) { line in
                    LeakedKey.Place(path: object, line: line, object: object)
                }
            }
        } catch {
            faults.append(error.message)
        }
        var places: [String: (commit: String, path: String)?] = [:]
        keys = keys.map { key in
            guard let object = key.place.object, key.place.path == object else { return key }
            let place = places[object] ?? GitObjects(path).place(of: object)
            places[object] = place
            return LeakedKey(
                place: .init(
                    path: place?.path ?? "\(path): object \(object)",
                    line: key.place.line,
                    commit: place?.commit,
                    object: object
                ),
                publicPart: key.publicPart,
                standing: key.standing,
                organization: key.organization
            )
        }
    }
}

// MARK: - What was found

extension LeakScan {
    private func scan(
        _ piece: ArraySlice<UInt8>,
        _ text: inout PieceWiseText,
        _ place: (Int) -> LeakedKey.Place
    ) {
        text.take(piece)
        let bytes = text.bytes.span
        for range in finder.keys(in: bytes) where text.isNew(range) {
            let key = bytes.extracting(range)
            let (standing, organization) = assess(key)
            let shown = range.lowerBound..<range.upperBound - 47
            keys.append(
                LeakedKey(
                    place: place(text.line(of: range.lowerBound)),
                    publicPart: String(decoding: text.bytes[shown], as: UTF8.self),
                    standing: standing,
                    organization: organization
                )
            )
        }
    }

    private func assess(_ key: Span<UInt8>) -> (LeakedKey.Standing, Organization?) {
        guard let administration else { return (.unknown, nil) }
        let name = Digest(message: key).hexadecimal
        if let known = known[name] { return known }
        do throws(AdministrationError) {
            let standing = Self.standing(try administration.verify(key))
            known[name] = standing
            return standing
        } catch {
            // A record that cannot be trusted says nothing of others; a store that is away, of none.
            if error.kind != .data {
                self.administration = nil
                blindness = error.message
            }
            return (.unknown, nil)
        }
    }

    private static func standing(_ verification: KeyVerification)
        -> (LeakedKey.Standing, Organization?)
    {
        switch verification {
        case .malformed, .forged: (.foreign, nil)
        case .issued(.revoked): (.revoked, nil)
        case .issued(.expired): (.expired, nil)
        case .issued(.valid(let organization)): (.active, organization)
        }
    }
}

/// A text that comes in pieces, of which enough is kept for a key that stands across two of them.
struct PieceWiseText {
    /// What is looked through: the end of what came before, and the piece.
    private(set) var bytes: [UInt8] = []
    private var old = 0
    private var linesBefore = 0

    mutating func take(_ piece: ArraySlice<UInt8>) {
        let kept = bytes.suffix(KeyFinder.lengthMax - 1)
        linesBefore += bytes.dropLast(kept.count).count { $0 == 0x0A }
        old = kept.count
        bytes = Array(kept) + piece
    }

    /// Whether something was not whole in what came before.
    func isNew(_ range: Range<Int>) -> Bool { range.upperBound > old }

    func line(of index: Int) -> Int { linesBefore + bytes[..<index].count { $0 == 0x0A } + 1 }
}
