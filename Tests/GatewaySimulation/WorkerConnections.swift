@testable import Gateway

/// How a worker connects to the store and exchanges bytes.
extension SimulatedWorker {
    /// Returns whether there was an order.
    func carryOutOrders() -> Bool {
        var isBusy = false
        while let (link, order) = gatekeeper.nextOrder(now) {
            isBusy = true
            switch order {
            case .open: open(Int(link))
            case .close: close(Int(link))
            case .write: write(Int(link))
            }
        }
        return isBusy
    }

    private func open(_ number: Int) {
        close(number)
        if flaw == .driver(.noReconnection), hasBeenReady { return }
        let endpoint = gatekeeper.endpoint(link: UInt32(number))
        let wire = network.connect(.worker(self.number), to: endpoint)
        links[number].wire = wire
        wire.down.onArrival = { [weak self] in self?.enqueue(.link(number)) }
        if wire.state != .connecting { readLink(number) }
    }

    private func close(_ number: Int) {
        guard let wire = links[number].wire else { return }
        if flaw == .driver(.lateReplies), links[number].isOpen {
            wire.down.onArrival = { [weak self, weak wire] in
                if let wire { self?.receiveLateReplies(wire, number) }
            }
            wire.up.end()
        } else {
            wire.close()
        }
        links[number] = Link()
    }

    /// Passes bytes of an earlier connection to the new one, which no driver may do.
    private func receiveLateReplies(_ wire: Wire, _ number: Int) {
        let bytes = wire.down.read()
        guard isAlive, links[number].isOpen, !bytes.isEmpty else { return }
        bytes.withUnsafeBytes { gatekeeper.linkReceived(UInt32(number), $0, at: now) }
        noteDecisions()
        wake()
    }

    private func write(_ number: Int) {
        var output: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while case let count = buffer.withUnsafeMutableBytes({
            gatekeeper.drainOutput(link: UInt32(number), into: $0)
        }), count > 0 {
            output += buffer.prefix(count)
        }
        links[number].wire?.up.send(output)
    }

    /// Handles the arrivals on a connection.
    func readLink(_ number: Int) {
        guard let wire = links[number].wire else { return }
        if !links[number].isOpen {
            guard wire.state != .connecting else { return }
            guard wire.state == .open else { return lose(number) }
            links[number].isOpen = true
            gatekeeper.linkOpened(UInt32(number), at: now)
        }
        var bytes = wire.down.read()
        if flaw == .driver(.lostBytes), timeline.chance.percent(2) { bytes = [] }
        if !bytes.isEmpty {
            bytes.withUnsafeBytes { gatekeeper.linkReceived(UInt32(number), $0, at: now) }
            noteDecisions()
            noteVersions()
        }
        if wire.down.hasEnded { lose(number) }
    }

    private func lose(_ number: Int) {
        links[number].wire?.close()
        links[number] = Link()
        gatekeeper.linkClosed(UInt32(number), at: now)
        noteDecisions()
    }
}
