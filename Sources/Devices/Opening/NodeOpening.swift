extension DeviceNode {
  /// Opens the node through hidraw, or through libusb for a part without HID.
  ///
  /// - Throws: `TransportError` with the errno, for example of a node that is forbidden, busy or gone.
  public func open(for part: PartDescription) throws(TransportError) -> any Transport {
    guard access == .usb, let usb = part.usb else {
      return try HidrawTransport(path: path, identity: identity)
    }
    return try USBTransport.open(
      path: path, identity: identity, interface: part.match.first?.interfaceNumber ?? 0, description: usb)
  }
}
