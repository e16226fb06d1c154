/// Where a pipeline publishes states and events. The default publishes nowhere.
package struct PipelineOutputs: Sendable {
  package var publisher: (any StatePublisher)?
  package var events: EventRing<TrackingEvent>?
  /// Poses enter `events` only while it counts a subscriber.
  package var poseSubscribers: PoseSubscriberCount?

  package init(
    publisher: (any StatePublisher)? = nil, events: EventRing<TrackingEvent>? = nil,
    poseSubscribers: PoseSubscriberCount? = nil
  ) {
    self.publisher = publisher
    self.events = events
    self.poseSubscribers = poseSubscribers
  }
}
