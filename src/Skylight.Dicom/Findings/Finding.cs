namespace Skylight.Dicom;

public enum FindingSeverity
{
    /// <summary>Worth knowing; nothing is wrong with the data.</summary>
    Info,

    /// <summary>Departs from the standard; the meaning is clear.</summary>
    Warning,

    /// <summary>Departs from the standard so that some use of the data is in doubt.</summary>
    Error,
}

/// <summary>One thing that is odd about an instance. Holds no value of the dataset.</summary>
/// <param name="Code">One of <see cref="FindingCodes"/>; its severity, clause and texts come from <see cref="FindingCatalogue"/>.</param>
/// <param name="Path">"(0040,A730)[2].(0008,0100)"; empty for the file as a whole.</param>
/// <param name="Position">Byte in the file, or -1.</param>
/// <param name="Detail">Technical facts (lengths, names of character sets) or null.</param>
public sealed record Finding(string Code, string Path = "", long Position = -1, string? Detail = null)
{
    public FindingSeverity Severity => FindingCatalogue.Of(Code).Severity;

    /// <summary>Where the standard says so.</summary>
    public string Clause => FindingCatalogue.Of(Code).Clause;

    /// <summary>In English.</summary>
    public string Text => FindingCatalogue.Of(Code).English;

    /// <summary>In Chinese.</summary>
    public string TextZh => FindingCatalogue.Of(Code).Chinese;
}

/// <summary>What a finding's code means.</summary>
public sealed record FindingKind(string Code, FindingSeverity Severity, string Clause, string English, string Chinese);
