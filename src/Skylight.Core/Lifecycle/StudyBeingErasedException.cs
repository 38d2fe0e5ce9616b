namespace Skylight.Core.Lifecycle;

/// <summary>
/// Nothing can be added to a study in the moments between the mark of its erasure and its end. What is sent again afterwards is a new study, so whoever sent it tries again.
/// </summary>
public sealed class StudyBeingErasedException() : IOException("The study is being erased; what is sent again when that is done is a new study.");
