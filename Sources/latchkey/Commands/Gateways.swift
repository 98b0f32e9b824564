import Administration
import ArgumentParser
import Glibc
import Keyring

struct Gateways: LatchkeyCommand {
    static let configuration = CommandConfiguration(
        abstract: "List the nginx workers that a change waits for.",
        discussion: """
            A gateway is an nginx with Latchkey; each line is one of its workers. A worker
            that was killed stays listed until a change has waited for its lease.

            Operators who know that a worker is gone can take it off the list with
            --forget. Changes still wait until its lease and grace have ended, counted from
            then on. A worker that is alive after all rejoins within a lease. One that asks
            other sentinels must have ended: it may follow another primary for longer.

            With --watch the list is shown anew each second, until you press Ctrl-C. Workers
            that have come or gone are marked.

            Examples:
              latchkey gateways --json
              latchkey gateways --watch
              latchkey gateways --forget 9f86d081884c7d65
            """
    )

    @Flag(help: "For programs: an array of JSON objects, times as RFC 3339.")
    var json = false

    @Flag(help: "Show the list anew each second.")
    var watch = false

    @Option(help: ArgumentHelp("Take a worker off the list.", valueName: "id"))
    var forget: Member.ID?

    @Flag(help: "Do not ask.")
    var yes = false

    @OptionGroup var configurationOption: ConfigurationOption

    func validate() throws {
        guard forget == nil ? !yes : !json else {
            throw ValidationError("--yes belongs to --forget, and --json does not")
        }
        guard !watch || forget == nil && !json else {
            throw ValidationError("--watch takes neither --forget nor --json")
        }
    }

    func perform() throws(AdministrationError) -> ExitCode {
        let configuration = try Configuration(file: configurationOption.file)
        if let forget {
            try remove(forget, configuration)
        } else if watch {
            try show(configuration)
        } else {
            try list(configuration)
        }
        return .success
    }

    /// Shows the list until a signal, or the end of standard output, ends the process.
    private func show(_ configuration: Configuration) throws(AdministrationError) {
        var watch = WorkerWatch()
        var isShown = false
        while true {
            do throws(AdministrationError) {
                let membership = try Membership(of: configuration)
                try Terminal.write(watch.picture(of: membership, at: SystemClock.unixTime()))
                isShown = true
            } catch {
                guard isShown, error.kind != .output else { throw error }
                let picture = watch.picture(
                    withoutList: error.message,
                    at: SystemClock.unixTime()
                )
                try Terminal.write(picture)
            }
            sleep(1)
        }
    }

    private func list(_ configuration: Configuration) throws(AdministrationError) {
        let membership = try Membership(of: configuration)
        for name in membership.unreadable {
            Terminal.say("latchkey: member \(name) of latchkey:{gateways} cannot be read")
        }
        try Terminal.write(json ? WorkerTable.json(membership) : WorkerTable.text(membership))
    }

    private static let warning =
        "But it asks other sentinels: while it runs it may accept revoked keys, for as long as those name "
        + "another primary. Make sure that it has ended."

    private func remove(_ id: Member.ID, _ configuration: Configuration)
        throws(AdministrationError)
    {
        Interruption.reportNothingDone()
        let caller = try configurationOption.caller(configuration)
        let removal = try MemberRemoval(configuration, caller: caller)
        let worker = try removal.member(id)
        let name = "nginx worker \(worker.host) (process \(worker.processID))"
        let span = TimeText.span(milliseconds: worker.trustMilliseconds)
        let isForeign = worker.witnesses != configuration.witnesses
        try Terminal.confirm(
            "This takes \(name) off the membership list. For \(span), its lease and grace, changes wait "
                + "for it all the same; if it is alive it rejoins."
                + (isForeign ? " \(Self.warning)" : ""),
            yes: yes
        )
        try Interruption.deferred { () throws(AdministrationError) in
            let until = try removal.remove(worker)
            let end = TimeText.moment(until)
            Terminal.say("Removed \(name). Changes wait for what it had cached until \(end).")
        }
    }
}

extension Member.ID: ExpressibleByArgument {
    /// An ID named on the command line.
    public init?(argument: String) {
        self.init(argument.utf8)
    }
}
