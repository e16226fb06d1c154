import CLinux
import CUSB
import Glibc
import Sensing
import Spatial
import Synchronization

/// An interface without a HID driver, read through libusb: interrupt or bulk transfers that are always under way, on a
/// thread of their own that passes each report on through a packet socket.
///
/// The node is opened by us and handed to the library: who may open it is decided where hidraw's is, and udev tells of
/// plugging. A kernel driver is taken off only where the description says so, and put back.
public enum USBTransport {
  public static func open(
    path: String, identity: InterfaceIdentity, interface: Int, description: USBDescription
  ) throws(TransportError) -> any Transport {
    let reader = try USBReader(path: path, interface: interface, description: description)
    let (transport, writer): (PipeTransport, ReportPipe)
    do throws(TransportError) {
      (transport, writer) = try ReportPipe.make(
        identity: identity, descriptor: nil, responder: USBFeatures(reader), isPatient: false)
    } catch {
      reader.close()
      throw error
    }
    do throws(TransportError) {
      try reader.start(writer)
    } catch {
      // It is tried again: what it held must not pile up.
      transport.close()
      throw error
    }
    return transport
  }
}

/// Feature reports are HID's; a device without HID takes output reports alone.
private final class USBFeatures: FeatureResponder {
  private let reader: USBReader
  init(_ reader: USBReader) { self.reader = reader }
  // The transport holds this; when it goes, nobody reads any more.
  deinit { reader.stop() }
  func getFeature(id: UInt8, length: Int) -> [UInt8]? { nil }
  func setFeature(_ report: [UInt8]) -> Bool { false }
  func output(_ report: [UInt8]) { reader.write(report) }
}

/// `@unchecked Sendable`: the handle is used under `isOpen`; the transfers and their buffers belong to the thread that
/// handles events.
private final class USBReader: @unchecked Sendable {
  private let context: OpaquePointer
  private let handle: OpaquePointer
  private let descriptor: Int32
  private let interface: Int32
  private let description: USBDescription
  private let path: String
  private var isDetached = false
  /// Whether the handle may be used: the device goes when it likes, on another thread.
  private let isOpen = Mutex(true)
  private let isStopping = Atomic<Bool>(false)
  private var transfers: [UnsafeMutablePointer<libusb_transfer>] = []
  private var underWay = 0
  private var writer: ReportPipe?

  /// Transfers that are under way at a time: a report that comes while another is handled finds a place.
  private static let depth = 8
  private static let controlTimeout: UInt32 = 1000

  init(path: String, interface: Int, description: USBDescription) throws(TransportError) {
    self.path = path
    self.interface = Int32(interface)
    self.description = description
    descriptor = Glibc.open(path, O_RDWR | O_CLOEXEC)
    guard descriptor >= 0 else { throw TransportError("open \(path)", code: errno) }
    _ = vrbridge_usb_without_discovery()
    var context: OpaquePointer?
    guard libusb_init(&context) == 0, let context else {
      Glibc.close(descriptor)
      throw TransportError("start libusb", code: ENOMEM)
    }
    self.context = context
    var handle: OpaquePointer?
    let result = libusb_wrap_sys_device(context, intptr_t(descriptor), &handle)
    guard result == 0, let handle else {
      libusb_exit(context)
      Glibc.close(descriptor)
      throw TransportError("use \(path)", code: Self.code(result))
    }
    self.handle = handle
    do throws(TransportError) {
      if description.detachesDriver, libusb_kernel_driver_active(handle, self.interface) == 1 {
        try Self.check(libusb_detach_kernel_driver(handle, self.interface), "take the driver off \(path)")
        isDetached = true
      }
      try Self.check(
        libusb_claim_interface(handle, self.interface), "claim interface \(interface) of \(path)")
    } catch {
      close()
      throw error
    }
  }

  private static func check(_ result: Int32, _ what: String) throws(TransportError) {
    if result < 0 { throw TransportError(what, code: code(result)) }
  }

  private static func code(_ result: Int32) -> Int32 {
    switch libusb_error(result) {
    case LIBUSB_ERROR_ACCESS: EACCES
    case LIBUSB_ERROR_NO_DEVICE, LIBUSB_ERROR_NOT_FOUND: ENODEV
    case LIBUSB_ERROR_BUSY: EBUSY
    case LIBUSB_ERROR_TIMEOUT: ETIMEDOUT
    case LIBUSB_ERROR_PIPE: EPIPE
    case LIBUSB_ERROR_NO_MEM: ENOMEM
    default: EIO
    }
  }

  func close() {
    isOpen.withLock { isOpen in
      guard isOpen else { return }
      isOpen = false
      libusb_release_interface(handle, interface)
      if isDetached { libusb_attach_kernel_driver(handle, interface) }
      libusb_close(handle)
      libusb_exit(context)
      Glibc.close(descriptor)
    }
  }

  func start(_ writer: ReportPipe) throws(TransportError) {
    self.writer = writer
    for _ in 0..<Self.depth {
      guard let transfer = libusb_alloc_transfer(0) else { break }
      let buffer = UnsafeMutablePointer<UInt8>.allocate(capacity: description.size)
      transfer.pointee.dev_handle = handle
      transfer.pointee.endpoint = description.input
      transfer.pointee.type = UInt8(
        description.transfer == .bulk
          ? LIBUSB_TRANSFER_TYPE_BULK.rawValue : LIBUSB_TRANSFER_TYPE_INTERRUPT.rawValue)
      transfer.pointee.buffer = buffer
      transfer.pointee.length = Int32(description.size)
      transfer.pointee.user_data = Unmanaged.passUnretained(self).toOpaque()
      transfer.pointee.callback = { transfer in
        guard let transfer, let user = transfer.pointee.user_data else { return }
        Unmanaged<USBReader>.fromOpaque(user).takeUnretainedValue().completed(transfer)
      }
      transfers.append(transfer)
    }
    for transfer in transfers where libusb_submit_transfer(transfer) == 0 { underWay += 1 }
    guard underWay > 0 else {
      free()
      close()
      throw TransportError("read \(path)", code: EIO)
    }
    // Owns this object until the last transfer is back.
    let owner = Unmanaged.passRetained(self)
    var attributes = pthread_attr_t()
    pthread_attr_init(&attributes)
    pthread_attr_setdetachstate(&attributes, Int32(PTHREAD_CREATE_DETACHED))
    var thread = pthread_t()
    let result = pthread_create(
      &thread, &attributes,
      { argument in
        guard let argument else { return nil }
        let reader = Unmanaged<USBReader>.fromOpaque(argument).takeRetainedValue()
        linux_name_thread("usb")
        reader.handleEvents()
        return nil
      }, owner.toOpaque())
    pthread_attr_destroy(&attributes)
    guard result == 0 else {
      owner.release()
      throw TransportError("start a thread for \(path)", code: result)
    }
  }

  private func handleEvents() {
    while underWay > 0 {
      vrbridge_usb_handle_events(context, 200)
      if isStopping.load(ordering: .relaxed) {
        for transfer in transfers { libusb_cancel_transfer(transfer) }
      }
    }
    writer?.finish()
    free()
    close()
  }

  private func free() {
    for transfer in transfers {
      transfer.pointee.buffer.deallocate()
      libusb_free_transfer(transfer)
    }
    transfers = []
  }

  private func completed(_ transfer: UnsafeMutablePointer<libusb_transfer>) {
    let status = transfer.pointee.status
    if status == LIBUSB_TRANSFER_COMPLETED, transfer.pointee.actual_length > 0 {
      let report = UnsafeBufferPointer(
        start: transfer.pointee.buffer, count: Int(transfer.pointee.actual_length))
      _ = writer?.send(report, at: Timestamp(nanoseconds: linux_monotonic_ns()))
    }
    let goesOn = status == LIBUSB_TRANSFER_COMPLETED || status == LIBUSB_TRANSFER_TIMED_OUT
    if goesOn, !isStopping.load(ordering: .relaxed), libusb_submit_transfer(transfer) == 0 { return }
    underWay -= 1
  }

  /// From any thread.
  func stop() {
    isStopping.store(true, ordering: .relaxed)
    isOpen.withLock { if $0 { libusb_interrupt_event_handler(context) } }
  }

  /// An output report; the leading 0 of an unnumbered one is not sent.
  func write(_ report: [UInt8]) {
    guard let endpoint = description.output else { return }
    var bytes = report.first == 0 ? Array(report.dropFirst()) : report
    if bytes.count < description.size {
      bytes += [UInt8](repeating: 0, count: description.size - bytes.count)
    }
    isOpen.withLock { isOpen in
      guard isOpen else { return }
      var written: Int32 = 0
      if description.transfer == .bulk {
        libusb_bulk_transfer(handle, endpoint, &bytes, Int32(bytes.count), &written, Self.controlTimeout)
      } else {
        libusb_interrupt_transfer(handle, endpoint, &bytes, Int32(bytes.count), &written, Self.controlTimeout)
      }
    }
  }
}
