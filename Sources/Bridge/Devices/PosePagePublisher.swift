import BridgeProtocol
import TrackingPipeline

/// The shared page is where the tracking pipeline publishes states.
extension PosePage: StatePublisher {}
