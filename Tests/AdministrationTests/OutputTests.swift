import Glibc
import Testing

@testable import Administration

struct OutputTests {
    @Test func `a pipe takes bytes as long as it has a reader`() {
        var ends: [Int32] = [0, 0]
        pipe(&ends)
        defer { close(ends[1]) }
        #expect(Output.isOpen(ends[1]))
        #expect(!Output.isOpen(ends[0]))
        close(ends[0])
        #expect(!Output.isOpen(ends[1]))
    }

    @Test func `a descriptor that is not open for writing is not open`() {
        let descriptor = open("/dev/null", O_RDONLY)
        defer { close(descriptor) }
        #expect(!Output.isOpen(descriptor))
        #expect(!Output.isOpen(-1))
    }

    @Test func `a full disk is noticed`() {
        let descriptor = open("/dev/full", O_WRONLY)
        defer { close(descriptor) }
        #expect(Output.isOpen(descriptor))
        let bytes: [UInt8] = [1, 2, 3]
        let isWritten = Output.write(bytes.span, to: descriptor)
        #expect(!isWritten)
    }
}
