import Glibc

/// Whether the console's program is installed, and accepts its configuration.
struct ConsoleProgramCheck {
    let file: String

    var findings: [Finding] {
        let program = InstalledModule.installed("bin/latchkey-console")
        guard access(program, X_OK) == 0 else {
            return [
                .fault(
                    "console.program",
                    "\(program) is not installed",
                    "make console && make install"
                )
            ]
        }
        guard isOnlyRoots(program) else {
            return [
                .fault(
                    "console.program",
                    "other accounts can replace \(program), which reads the pepper",
                    "chown root:root and chmod 0755 the program and its folder"
                )
            ]
        }
        guard
            let child = ChildProcess(
                [program, "--config", file, "--check"],
                takesInput: false,
                showsErrors: true
            )
        else {
            return [
                .fault(
                    "console.program",
                    "\(program) cannot be run",
                    "make console && make install"
                )
            ]
        }
        let words = Self.text(child.output)
        return [
            child.wait()
                ? .ok("console.settings", "\(file) is correct")
                : .fault("console.settings", words, "correct it: docs/CONSOLE.md")
        ]
    }

    /// What the program would do for others must not be done as root.
    private func isOnlyRoots(_ program: String) -> Bool {
        var status = stat()
        return stat(program, &status) == 0 && status.st_mode & (S_IWGRP | S_IWOTH) == 0
            && [0, getuid()].contains(status.st_uid) && PathRights(program).folderOfOthers() == nil
    }

    /// The first line of what the program says, without its name.
    private static func text(_ output: Int32) -> String {
        var bytes: [UInt8] = []
        while bytes.count < 4096, let piece = InputFile.piece(of: output), !piece.isEmpty {
            bytes += piece
        }
        let line = bytes.prefix { $0 != UInt8(ascii: "\n") }
        let text = String(decoding: line, as: UTF8.self)
        let name = "latchkey-console: "
        return text.hasPrefix(name) ? String(text.dropFirst(name.count)) : text
    }
}
