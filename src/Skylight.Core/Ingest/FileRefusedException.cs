namespace Skylight.Core.Ingest;

/// <summary>
/// Thrown by a content stream when this file must not be taken although its bytes can be read: it changed after the upload was completed, or is not what
/// the manifest names. The file becomes a rejected outcome without an intake item; the batch goes on.
/// </summary>
public sealed class FileRefusedException(IngestReason reason) : Exception(reason.En)
{
    public IngestReason Reason { get; } = reason;
}
