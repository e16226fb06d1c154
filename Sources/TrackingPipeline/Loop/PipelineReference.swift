/// Carries a pipeline to the tracking thread.
///
/// `@unchecked Sendable`: holders only pass it on; the pipeline is used on the tracking thread alone.
package struct PipelineReference: @unchecked Sendable {
  package let pipeline: DevicePipeline

  package init(pipeline: DevicePipeline) { self.pipeline = pipeline }
}
