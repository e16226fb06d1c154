import Authorisation
import BridgeProtocol
import Sensing

/// Adds and removes subscriptions of a client, within its limits. `RequestHandler` has checked its rights.
enum SubscriptionRequests {
  /// Adds a subscription.
  ///
  /// - Returns: its id.
  static func subscribe(
    _ client: ClientConnection, _ request: Vrbridge_V1_Subscribe
  ) throws(RequestError) -> UInt32 {
    let streams = Set(request.streams.map(\.rawValue))
    guard !streams.isEmpty, request.streams.allSatisfy({ Action.Data($0) != nil }) else {
      throw RequestError(
        .unsupported, "stream-unknown",
        "a subscription must name at least one of the streams poses, controls, devices, annotations, speech, and no other"
      )
    }
    guard client.subscriptions.count < ClientConnection.maximumSubscriptions else {
      throw RequestError(
        .invalid, "too-many-subscriptions",
        "a client can have \(ClientConnection.maximumSubscriptions) subscriptions; end one first")
    }
    guard request.maxRateHz.isFinite, request.maxRateHz >= 0 else {
      throw RequestError(.invalid, "rate-invalid", "max_rate_hz must be 0 or more")
    }
    let depth = request.depth == 0 ? 1024 : Int(request.depth)
    guard client.subscriptions.reduce(depth, { $0 + $1.depth }) <= ClientConnection.maximumDepth else {
      throw RequestError(
        .invalid, "queue-depth",
        "all queues of a client together can hold \(ClientConnection.maximumDepth) poses; request a smaller depth"
      )
    }
    let id = client.nextSubscription
    client.nextSubscription += 1
    client.subscriptions.append(
      ClientConnection.Subscription(
        id: id, streams: streams, devices: Set(request.deviceIds),
        roles: Set(request.roles.map { $0.deviceRole.rawValue }),
        interval: request.maxRateHz > 0 ? Int64(min(1e9 / request.maxRateHz, 1e15)) : 0,
        isLatestOnly: request.queuePolicy == .latestOnly, depth: depth))
    return id
  }

  static func unsubscribe(
    _ client: ClientConnection, _ request: Vrbridge_V1_Unsubscribe
  ) throws(RequestError) {
    guard let index = client.subscriptions.firstIndex(where: { $0.id == request.subscriptionID }) else {
      throw RequestError(
        .notFound, "subscription-unknown", "the client has no subscription \(request.subscriptionID)")
    }
    client.subscriptions.remove(at: index)
  }
}
