/// The method of gesture recognition that suits a user's examples better.
package struct GestureProposal: CustomStringConvertible {
  /// Whether the network is better by more than one example.
  package let isNetwork: Bool
  package let description: String

  package init(examples: GestureTrial.Answers, network: GestureTrial.Answers) {
    let (left, right) = (ClassificationReport(examples.pairs), ClassificationReport(network.pairs))
    isNetwork = right.accuracy > left.accuracy + 1 / Double(max(1, left.count))
    description =
      isNetwork
      ? "the network does better: 'perception: {movements: network}' in the configuration makes a bridge use it"
      : "the network does no better than the nearest example, which needs no training: leave 'movements: examples'"
  }
}
