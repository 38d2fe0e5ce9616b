namespace Skylight.Core.Retrieve;

/// <summary>The DICOMweb addresses of one institution's objects below one base, such as <c>https://host/dicomweb</c>.</summary>
public sealed record DicomWebUrls(string Base)
{
    /// <summary>The base for the address that the caller used: the own institution's, or the explicit form.</summary>
    public static DicomWebUrls Of(Uri publicBase, string? institutionInRoute) =>
        new(publicBase.AbsoluteUri.TrimEnd('/') + (institutionInRoute is null ? "/dicomweb" : $"/institutions/{institutionInRoute}/dicomweb"));

    public string Study(string study) => $"{Base}/studies/{Uri.EscapeDataString(study)}";

    public string Series(string study, string series) => $"{Study(study)}/series/{Uri.EscapeDataString(series)}";

    public string Instance(string study, string series, string instance) => $"{Series(study, series)}/instances/{Uri.EscapeDataString(instance)}";
}
