/// A reply of the store.
enum Reply {
    case status(String)
    case error(String)
    case integer(Int)
    case bulk(String?)
    case array([Reply]?)

    static let ok = Reply.status("OK")

    func append(to output: inout [UInt8]) {
        switch self {
        case .status(let text): output += "+\(text)\r\n".utf8
        case .error(let text): output += "-\(text)\r\n".utf8
        case .integer(let number): output += ":\(number)\r\n".utf8
        case .bulk(nil): output += "$-1\r\n".utf8
        case .bulk(let text?): output += "$\(text.utf8.count)\r\n\(text)\r\n".utf8
        case .array(nil): output += "*-1\r\n".utf8
        case .array(let elements?):
            output += "*\(elements.count)\r\n".utf8
            for element in elements { element.append(to: &output) }
        }
    }
}
