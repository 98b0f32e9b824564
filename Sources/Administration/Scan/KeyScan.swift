import Glibc
import KeyFormat
import Keyring

/// Finds keys in files, folders and the history of git repositories.
public final class KeyScan {
    /// Which histories are searched.
    public enum History: Sendable {
        /// That of each folder that is a repository.
        case whereThereIsOne
        /// Also that of the repository that contains each named path.
        case always
        case never
    }

    private let classifier: KeyClassifier
    private let history: History
    private let report: (ScanFinding) -> Void
    private let note: (String) -> Void

    /// Hashes of the keys and files in commits that were reported: a key stays in a file for many commits.
    private var reported: Set<Int> = []

    /// Repositories whose history was searched. Work trees share one.
    private var searched: Set<String> = []

    /// Number of findings.
    public private(set) var count = 0

    /// Whether everything could be read.
    public private(set) var isComplete = true

    init(
        classifier: KeyClassifier,
        history: History,
        note: @escaping (String) -> Void,
        report: @escaping (ScanFinding) -> Void
    ) {
        self.classifier = classifier
        self.history = history
        self.note = note
        self.report = report
    }

    /// - Parameters:
    ///   - configurationFile: Names the pepper and the store that classify keys.
    ///   - note: Called with what cannot be read or classified.
    ///   - report: Called with each key as it is found.
    public convenience init(
        configurationFile: String,
        history: History,
        note: @escaping (String) -> Void,
        report: @escaping (ScanFinding) -> Void
    ) {
        self.init(
            classifier: KeyClassifier(configurationFile: configurationFile, note: note),
            history: history,
            note: note,
            report: report
        )
    }

    /// Searches a file, or a folder with all its contents; `-` is standard input.
    public func search(_ path: String) {
        guard path != "-" else { return search(STDIN_FILENO, .file("standard input")) }
        if history == .always { searchHistory(of: path) }
        var walk = FolderWalk(path)
        while let entry = walk.next() {
            switch entry {
            case .file(let file): searchFile(file)
            case .repository(let folder):
                if history != .never { searchHistory(of: folder) }
            case .unreadable(let path, let number): fail(path, number)
            }
        }
    }

    private func searchFile(_ path: String) {
        searchName(path, .file(path))
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY)
        guard descriptor >= 0 else { return fail(path, errno) }
        defer { close(descriptor) }
        search(descriptor, .file(path))
    }

    private func search(_ descriptor: Int32, _ place: ScanPlace) {
        let reader = PieceReader(descriptor)
        var stream = KeyStream()
        reader.readAll { search($0, &stream, place) }
        if let fault = reader.fault { fail(place.path ?? "", fault) }
    }

    private func searchHistory(of folder: String) {
        let git = GitHistory(folder)
        guard searched.insert(git.identity ?? folder).inserted else { return }
        var place = ScanPlace.file(folder)
        var stream = KeyStream()
        let fault = git.read { object in
            place =
                object.commit.map { .commit(repository: folder, id: $0, path: object.path) }
                ?? .index(repository: folder, path: object.path ?? "")
            stream = KeyStream()
            if let path = object.path { searchName(path, place) }
        } _: {
            search($0, &stream, place)
        }
        if let fault { fail("the history of \(folder)", fault) }
    }

    /// The name of a file may contain a key, too.
    private func searchName(_ path: String, _ place: ScanPlace) {
        var stream = KeyStream()
        Array(path.utf8).withUnsafeBytes { path in
            stream.search(path) { match, _, text in report(match, 0, text, place) }
        }
    }

    private func search(
        _ piece: UnsafeRawBufferPointer,
        _ stream: inout KeyStream,
        _ place: ScanPlace
    ) {
        stream.search(piece) { match, line, text in report(match, line, text, place) }
    }

    private func report(
        _ match: KeySearch.Match,
        _ line: Int,
        _ text: UnsafeRawBufferPointer,
        _ place: ScanPlace
    ) {
        guard isFirstSighting(text, place) else { return }
        count += 1
        let key = text.bindMemory(to: UInt8.self)
        report(
            ScanFinding(
                place: place,
                line: line,
                prefix: String(decoding: match.prefix.ascii, as: UTF8.self),
                locator: match.locator,
                verdict: classifier.verdict(on: key.span, prefix: match.prefix)
            )
        )
    }

    private func isFirstSighting(_ text: UnsafeRawBufferPointer, _ place: ScanPlace) -> Bool {
        guard let repository = place.repository else { return true }
        var hasher = Hasher()
        hasher.combine(bytes: text)
        hasher.combine(repository)
        hasher.combine(place.path)
        return reported.insert(hasher.finalize()).inserted
    }

    private func fail(_ path: String, _ number: Int32) {
        fail(path, String(cString: strerror(number)))
    }

    private func fail(_ subject: String, _ reason: String) {
        isComplete = false
        note("\(subject) could not be searched: \(reason)")
    }
}
