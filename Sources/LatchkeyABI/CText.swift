/// C strings.
enum CText {
    /// Writes as much of a text as fits, and a final 0. Returns the length without the 0.
    static func write(_ text: String, to buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard !buffer.isEmpty else { return 0 }
        let bytes = text.utf8.prefix(buffer.count - 1)
        buffer.copyBytes(from: bytes)
        buffer[bytes.count] = 0
        return bytes.count
    }

    /// Writes a whole text without a final 0. Returns its length, or 0 if it does not fit.
    static func copy(_ text: String, to buffer: UnsafeMutablePointer<CChar>, _ capacity: Int) -> Int
    {
        guard text.utf8.count <= capacity else { return 0 }
        for (index, byte) in text.utf8.enumerated() { buffer[index] = CChar(bitPattern: byte) }
        return text.utf8.count
    }
}
