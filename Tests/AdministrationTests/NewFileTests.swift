import Glibc
import TestSupport
import Testing

@testable import Administration

struct NewFileTests {
    private let folder = TemporaryFolder()
    private var path: String { "\(folder.path)/key" }
    private let contents = Array("contents".utf8)

    @Test(arguments: [0o600, 0o644] as [mode_t])
    func `a file that is kept has its contents and its permissions`(mode: mode_t) throws {
        var file = try NewFile(path, mode: mode)
        try file.keep(contents.span)
        #expect(try folder.text("key") == "contents")
        #expect(folder.mode("key") == mode)
    }

    @Test func `a file that is not kept is gone again`() throws {
        func abandon() throws {
            let file = try NewFile(path, mode: 0o600)
            #expect(folder.mode("key") == 0o600)
            _ = consume file
        }
        try abandon()
        #expect(folder.mode("key") == nil)
    }

    @Test func `a file that is there is neither written nor removed`() throws {
        _ = try folder.write("before", to: "key")
        #expect(failure { _ = try NewFile(path, mode: 0o600) } == .data)
        #expect(try folder.text("key") == "before")
    }

    @Test func `a link is not followed`() throws {
        symlink("\(folder.path)/elsewhere", path)
        #expect(failure { _ = try NewFile(path, mode: 0o600) } == .data)
        #expect(folder.mode("elsewhere") == nil)
    }

    @Test func `a folder that is not there is told`() {
        #expect(failure { _ = try NewFile("\(folder.path)/none/key", mode: 0o600) } == .data)
    }
}
