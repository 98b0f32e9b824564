import ConsoleCore
import HTTPTypes
import Hummingbird
import NIOCore
import NIOHTTPTypes
import Synchronization

/// A response in the form in which it is sent.
struct Reply: Sendable {
    let status: Int
    let hasKey: Bool
    let note: String?
    let outcome: String?
    private let headers: [(name: String, value: String)]
    private let body: ByteBuffer
    private let isHeadOnly: Bool

    init(_ response: borrowing ConsoleResponse, note: String? = nil, outcome: String? = nil) {
        status = response.status
        headers = response.headers
        hasKey = response.hasKey
        isHeadOnly = response.isHeadOnly
        self.note = note
        self.outcome = outcome
        var buffer = ByteBufferAllocator().buffer(capacity: response.length)
        response.writeBody { part in part.withUnsafeBytes { _ = buffer.writeBytes($0) } }
        body = buffer
    }

    init(_ result: borrowing JobResult) {
        self.init(result.response, note: result.note, outcome: result.outcome)
    }

    init(metrics text: String) {
        status = 200
        headers = [("Content-Type", "text/plain; version=0.0.4"), ("Cache-Control", "no-store")]
        body = ByteBuffer(string: text)
        (hasKey, isHeadOnly, note, outcome) = (false, false, nil, nil)
    }

    /// - Parameters:
    ///   - channel: The connection. The body is written to it directly: Hummingbird's writer does not report whether
    ///     the client was still there to take it.
    ///   - lost: Called if the body could not be written.
    func response(on channel: any Channel, lost: @escaping @Sendable () -> Void) -> Response {
        var fields = HTTPFields()
        for (name, value) in headers {
            if let name = HTTPField.Name(name) {
                fields.append(HTTPField(name: name, value: value))
            }
        }
        let code = HTTPResponse.Status(code: status)
        if status != 204, status != 304 { fields[.contentLength] = String(body.readableBytes) }
        guard !isHeadOnly, body.readableBytes > 0 else {
            return Response(status: code, headers: fields, body: .init())
        }
        let buffer = body
        let delivery = Delivery(lost)
        return Response(
            status: code,
            headers: fields,
            body: ResponseBody(contentLength: buffer.readableBytes) { writer in
                try await channel.writeAndFlush(HTTPResponsePart.body(buffer))
                delivery.isDone.withLock { $0 = true }
                try await writer.finish(nil)
            }
        )
    }
}

/// Tells that a body was not written: also where its writing never began, because the client had gone before.
private final class Delivery: Sendable {
    let isDone = Mutex(false)
    private let lost: @Sendable () -> Void

    init(_ lost: @escaping @Sendable () -> Void) {
        self.lost = lost
    }

    deinit {
        if !isDone.withLock({ $0 }) { lost() }
    }
}
