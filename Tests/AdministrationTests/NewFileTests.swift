import Glibc
import TestSupport
import Testing

@testable import Administration

struct NewFileTests {
    private let folder = TemporaryFolder()
    private var path: String { "\(folder.path)/key" }
    private let contents = Array("contents".utf8)

    @Test(arguments: [0o600, 0o644] as [mode_t])
    func `a committed file has its contents and permissions`(mode: mode_t) throws {
        var file = try NewFile(path, mode: mode)
        try file.commit(contents.span)
        #expect(try folder.text("key") == "contents")
        #expect(folder.mode("key") == mode)
    }

    @Test func `a file that is not committed is deleted`() throws {
        func abandon() throws {
            let file = try NewFile(path, mode: 0o600)
            #expect(folder.mode("key") == 0o600)
            _ = consume file
        }
        try abandon()
        #expect(folder.mode("key") == nil)
    }

    @Test func `an existing file is neither written nor removed`() throws {
        _ = try folder.write("before", to: "key")
        #expect(failure { _ = try NewFile(path, mode: 0o600) } == .data)
        #expect(try folder.text("key") == "before")
    }

    @Test func `a link is not followed`() throws {
        symlink("\(folder.path)/elsewhere", path)
        #expect(failure { _ = try NewFile(path, mode: 0o600) } == .data)
        #expect(folder.mode("elsewhere") == nil)
    }

    @Test func `a missing folder is reported`() {
        #expect(failure { _ = try NewFile("\(folder.path)/none/key", mode: 0o600) } == .data)
    }
}
