import RedisClient

/// Commands and replies as tests write them.
extension Wire {
    /// Sends commands, all at once. Words are separated by spaces.
    func send(_ commands: [String]) {
        for command in commands {
            var words = RedisCommand()
            for word in command.split(separator: " ") { words.append(.text(String(word))) }
            var bytes: [UInt8] = []
            RESPEncoder.append(words, to: &bytes)
            up.send(bytes)
        }
    }

    /// What has arrived; lines are separated by spaces.
    func received() -> String {
        let text = String(decoding: down.read(), as: UTF8.self)
        return text.split(separator: "\r\n").joined(separator: " ")
    }
}
