import ConsoleCore
import Hummingbird
import NIOCore

/// Reads a body, but neither much nor for long.
struct BodyReader {
    private typealias Result = Swift.Result<[UInt8], ConsoleRequest.BodyFault>

    /// How long a body may take to arrive.
    private static let patience = Duration.seconds(10)

    private let request: Request

    init(_ request: Request) {
        self.request = request
    }

    /// The body. Where it does not arrive in time, the connection is closed after the answer.
    func body() async -> Swift.Result<[UInt8], ConsoleRequest.BodyFault> {
        guard isAnnounced else { return .success([]) }
        let body = request.body
        return await withTaskGroup(of: Result.self) { group in
            group.addTask { await Self.read(body) }
            group.addTask {
                try? await Task.sleep(for: Self.patience)
                return .failure(.incomplete)
            }
            defer { group.cancelAll() }
            return await group.next() ?? .failure(.incomplete)
        }
    }

    private var isAnnounced: Bool {
        request.headers[.transferEncoding] != nil
            || ![nil, "0"].contains(request.headers[.contentLength])
    }

    private static func read(_ body: RequestBody) async -> Result {
        do {
            let buffer = try await body.collect(upTo: ConsoleRequest.bodyLengthMax)
            return .success(Array(buffer.readableBytesView))
        } catch is NIOTooManyBytesError {
            return .failure(.tooLong)
        } catch {
            return .failure(.incomplete)
        }
    }
}
