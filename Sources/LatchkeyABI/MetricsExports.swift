// latchkey.h declares and documents these functions.
// swift-format-ignore-file: AlwaysUseLowerCamelCase, AllPublicDeclarationsHaveDocumentation

import CLatchkeyABI
import Gateway

@_cdecl("latchkey_metrics_read") @implementation
public func latchkey_metrics_read(
    _ gateway: OpaquePointer,
    _ metrics: UnsafeMutablePointer<latchkey_metrics>
) {
    metrics.pointee = latchkey_metrics(gateway.withGatekeeper { $0.readMetrics() })
}

extension latchkey_metrics {
    fileprivate init(_ metrics: GatewayMetrics) {
        self.init(
            store_wait: latchkey_histogram(metrics.storeWaits),
            change_delay: latchkey_histogram(metrics.changeDelays),
            store_reads: metrics.storeReads,
            data_connections: metrics.data.connections,
            data_losses: metrics.data.losses,
            invalidation_connections: metrics.invalidation.connections,
            invalidation_losses: metrics.invalidation.losses,
            invalidations: metrics.invalidations,
            flushes: metrics.flushes,
            barriers_acknowledged: metrics.barriersAcknowledged,
            cache_evictions: metrics.cacheEvictions,
            streams_ended: metrics.streamsEnded,
            primary_changes: metrics.primaryChanges,
            map_changes: metrics.mapChanges,
            cache_records: metrics.cacheRecords,
            streams_open: metrics.streamsOpen,
            trusted_until_ns: metrics.trustedUntil.nanoseconds,
            attested_until_ns: metrics.attestedUntil.nanoseconds,
            sentinels: metrics.sentinels,
            sentinels_connected: metrics.sentinelsConnected,
            cluster: metrics.usesCluster ? 1 : 0,
            primaries_connected: metrics.primariesConnected
        )
    }
}

extension latchkey_histogram {
    fileprivate init(_ histogram: DurationHistogram) {
        self.init()
        sum_ns = histogram.sumNanoseconds
        withUnsafeMutableBytes(of: &counts) { bytes in
            let counts = bytes.bindMemory(to: UInt64.self)
            for bucket in histogram.counts.indices where bucket < counts.count {
                counts[bucket] = histogram.counts[bucket]
            }
        }
    }
}
