import Foundation
import Glibc
import TestSupport
import Testing

/// A library between the program and a real one, in which one call fails, without a text of the error.
struct FaultyLibrary {
  let file: String
  private let setFault: @convention(c) (Int) -> Void
  private let calls: @convention(c) () -> Int

  /// Compiles the library.
  ///
  /// - Parameter real: the file to which all calls go.
  init(_ source: String, named name: String, real: String) async throws {
    let folder = try TestPaths.temporaryFolder()
    chmod(folder, 0o755)
    let code = folder + "/faulty.c"
    file = folder + "/" + name
    try Data((Self.common + source).utf8).write(to: URL(fileURLWithPath: code))
    let compiled = try await Program.run(
      "/usr/bin/cc",
      ["-shared", "-fPIC", "-w", "-std=gnu11", "-DREAL=\"\(real)\"", code, "-o", file, "-ldl"], within: 60)
    try #require(compiled.code == 0, "\(compiled.errors)")
    chmod(file, 0o755)
    let handle = try #require(dlopen(file, RTLD_NOW | RTLD_LOCAL))
    typealias SetFault = @convention(c) (Int) -> Void
    typealias Calls = @convention(c) () -> Int
    setFault = unsafeBitCast(try #require(dlsym(handle, "faulty_set")), to: SetFault.self)
    calls = unsafeBitCast(try #require(dlsym(handle, "faulty_calls")), to: Calls.self)
  }

  /// Makes a call fail.
  ///
  /// - Parameter call: its number from now on, from 0; negative for none.
  func fail(_ call: Int) { setFault(call) }

  /// The calls since the last `fail`.
  var count: Int { calls() }

  /// Arguments travel as eight numbers in registers and on the stack, which holds for every function of these interfaces on
  /// 64-bit processors.
  private static let common = """
    #include <dlfcn.h>
    #include <stddef.h>
    static long fault = -1, number;
    static _Thread_local int failed_last;
    void faulty_set(long call) { fault = call; number = 0; }
    long faulty_calls(void) { return number; }
    static int fails(void) { return number++ == fault; }
    static void *real(const char *name) {
      static void *handle;
      if (!handle) handle = dlopen(REAL, RTLD_NOW | RTLD_LOCAL);
      return dlsym(handle, name);
    }
    typedef void *p;
    #define P8 p a, p b, p c, p d, p e, p f, p g, p h
    #define A8 a, b, c, d, e, f, g, h

    """
}

extension FaultyLibrary {
  /// OpenVINO: every function with a status may fail.
  static func openVINO() async throws -> FaultyLibrary {
    let files = try FileManager.default.contentsOfDirectory(atPath: Models.runtime)
    let name = try #require(files.filter { $0.hasPrefix("libopenvino_c.so") }.min())
    let statuses = [
      "get_openvino_version", "core_create", "core_read_model", "core_read_model_from_memory_buffer",
      "model_const_input_by_index", "model_const_output_by_index", "model_reshape_by_port_indexes",
      "compiled_model_inputs_size", "compiled_model_outputs_size", "compiled_model_input_by_index",
      "compiled_model_output_by_index", "compiled_model_create_infer_request", "port_get_element_type",
      "port_get_partial_shape", "port_get_any_name", "tensor_create", "tensor_create_from_host_ptr",
      "tensor_get_shape", "tensor_get_element_type", "tensor_get_byte_size", "tensor_data",
      "infer_request_get_output_tensor_by_index", "infer_request_set_input_tensor_by_index",
      "infer_request_set_output_tensor_by_index", "infer_request_infer",
    ]
    let others = [
      "version_free", "core_free", "model_free", "model_is_dynamic", "compiled_model_free",
      "output_const_port_free", "free", "partial_shape_free", "shape_free", "tensor_free",
      "infer_request_free",
    ]
    var source = """
      #define PASS(name) return ((long (*)(P8))real("ov_" #name))(A8)
      #define STATUS(name) long ov_##name(P8) { if ((failed_last = fails())) return -1; PASS(name); }
      #define OTHER(name) long ov_##name(P8) { PASS(name); }
      p ov_get_last_err_msg(void) { return failed_last ? 0 : ((p (*)(void))real("ov_get_last_err_msg"))(); }
      #define P24 P8, p i, p j, p k, p l, p m, p n, p o, p q, p r, p s, p t, p u, p v
      int ov_core_compile_model(P24) {
        if ((failed_last = fails())) return -1;
        return ((int (*)(p, p, p, p, p, ...))real("ov_core_compile_model"))(A8, i, j, k, l, m, n, o, q, r, s, t, u, v);
      }

      """
    for name in statuses { source += "STATUS(\(name))\n" }
    for name in others { source += "OTHER(\(name))\n" }
    return try await FaultyLibrary(source, named: "libopenvino_c.so", real: Models.runtime + "/" + name)
  }

  /// ONNX Runtime: its table of functions, in which those with a status may fail.
  static func onnxRuntime() async throws -> FaultyLibrary {
    let files = try FileManager.default.contentsOfDirectory(atPath: Models.speechRuntime)
    let name = try #require(files.filter { $0.hasPrefix("libonnxruntime.so") }.min())
    let statuses = [
      3, 8, 9, 10, 24, 25, 30, 31, 33, 34, 36, 37, 49, 50, 51, 55, 60, 61, 62, 64, 65, 69, 76, 78,
    ]
    var source = """
      static p table[128];
      static p *original;
      // CreateStatus with the code 1 and no text.
      static p status(void) { return ((p (*)(int, const char *))original[0])(1, ""); }
      #define STATUS(i) static p f##i(P8) { return fails() ? status() : ((p (*)(P8))original[i])(A8); }

      """
    for number in statuses { source += "STATUS(\(number))\n" }
    source += """
      typedef struct { p *(*get_api)(unsigned); const char *(*get_version)(void); } base_t;
      static p *get_api(unsigned version) {
        const base_t *base = ((const base_t *(*)(void))real("OrtGetApiBase"))();
        original = base->get_api(version);
        if (!original) return 0;
        for (int i = 0; i < 101; i++) table[i] = original[i];

      """
    for number in statuses { source += "  table[\(number)] = (p)f\(number);\n" }
    source += """
        return table;
      }
      static const char *get_version(void) { return 0; }
      const base_t *OrtGetApiBase(void) {
        static const base_t base = {get_api, get_version};
        return &base;
      }

      """
    return try await FaultyLibrary(
      source, named: "libonnxruntime.so", real: Models.speechRuntime + "/" + name)
  }
}
