import BridgeProtocol
import Sensing
import Tracking
import TrackingPipeline

/// Makes pipelines that publish to the bridge's pose page and event queue.
struct DevicePipelineFactory: Sendable {
  let page: PosePage
  let events: EventRing<TrackingEvent>
  let demand: PoseSubscriberCount

  func make(
    _ id: DeviceID, _ role: DeviceRole, slot: Int, partCount: Int, tracker: DeviceTracker
  ) -> PipelineReference {
    PipelineReference(
      pipeline: DevicePipeline(
        id: id, role: role, slot: slot, partCount: partCount, tracker: tracker,
        outputs: PipelineOutputs(publisher: page, events: events, poseSubscribers: demand)))
  }
}
