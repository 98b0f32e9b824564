import Keyring

/// A line `ORGANIZATION OWNER` of a bulk file.
public struct OrganizationLine: Equatable, Sendable {
    /// The line's number, counted from 1.
    public let number: Int
    /// Which organization.
    public let organization: Organization
    /// Its owner.
    public let principal: Principal

    /// Parses a file. Blank lines and lines that begin with `#` are skipped.
    ///
    /// - Parameter name: The file's name, for errors.
    /// - Throws: An error if a line is malformed, or an organization occurs twice.
    public static func lines(in text: [UInt8], name: String) throws(AdministrationError)
        -> [OrganizationLine]
    {
        var lines: [OrganizationLine] = []
        var places: [Organization: Int] = [:]
        var number = 0
        for line in text.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false) {
            number += 1
            let words = line.split { $0 == 0x20 || $0 == 0x09 || $0 == 0x0D }
            guard let first = words.first, first.first != UInt8(ascii: "#") else { continue }
            guard words.count == 2, let organization = Organization(words[0]),
                let principal = Principal(words[1])
            else {
                throw AdministrationError(
                    .data,
                    "\(name):\(number): expected ORGANIZATION OWNER; nothing was done"
                )
            }
            if let earlier = places.updateValue(number, forKey: organization) {
                throw AdministrationError(
                    .data,
                    "\(name):\(number): \(organization) is already on line \(earlier); "
                        + "nothing was done"
                )
            }
            lines.append(.init(number: number, organization: organization, principal: principal))
        }
        return lines
    }
}
