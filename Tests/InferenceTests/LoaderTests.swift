import CDynamicLibrary
import COnnxRuntime
import COpenVINO
import Glibc
import Inference
import Testing

/// Libraries that are opened at run time, with the C library in the role of one of another kind.
struct LoaderTests {
  private struct Table {
    var getpid: (@convention(c) () -> Int32)?
    var missing: UnsafeMutableRawPointer?
  }

  @Test func addressesAreStoredAtTheirOffsets() throws {
    var error = [CChar](repeating: 0, count: 256)
    let handle = try #require(cdynamic_open("libc.so.6", &error, error.count))
    defer { cdynamic_close(handle) }
    var table = Table()
    let status = "getpid".withCString { name in
      var symbol = cdynamic_symbol(name: name, offset: MemoryLayout<Table>.offset(of: \.getpid) ?? 0)
      return cdynamic_resolve(handle, &symbol, 1, &table, "", &error, error.count)
    }
    #expect(status == 0 && table.getpid?() == getpid())
    let failure = "no_such_function".withCString { name in
      var symbol = cdynamic_symbol(name: name, offset: MemoryLayout<Table>.offset(of: \.missing) ?? 0)
      return cdynamic_resolve(handle, &symbol, 1, &table, "install it", &error, error.count)
    }
    #expect(failure == -1 && table.missing == nil)
    #expect(DynamicLibrary.text(error) == "it has no no_such_function: install it")
  }

  @Test func aLibraryOfAnotherKindIsRejectedByTheNameOfAMissingFunction() {
    var error = [CChar](repeating: 0, count: 512)
    #expect(covino_open("libc.so.6", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("ov_get_openvino_version"))
    #expect(conr_open("libc.so.6", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("OrtGetApiBase"))
  }

  @Test func aMissingFileIsNamed() {
    var error = [CChar](repeating: 0, count: 512)
    #expect(covino_open("/nonexistent/library.so", &error, error.count) == nil)
    #expect(DynamicLibrary.text(error).contains("/nonexistent/library.so"))
  }
}
