using Skylight.Dicom;

namespace Skylight.Cli.Dicom;

/// <summary>What one pass over a file finds, and what the standard says of it.</summary>
internal static class FileFindings
{
    /// <summary>The inspector's findings and the validator's. Notes on what is merely worth knowing are left out unless asked for.</summary>
    public static async Task<IReadOnlyList<Finding>> OfAsync(Stream file, bool includeInfo, CancellationToken cancellationToken) =>
        DicomValidator.Validate(await InspectAsync(file, cancellationToken), new ValidationOptions { IncludeInfo = includeInfo });

    public static async Task<InspectedInstance> InspectAsync(Stream file, CancellationToken cancellationToken)
    {
        using var inspector = new InstanceInspector(new InspectOptions { AllowTruncated = true, MaxInlineBytes = 16 << 20 });
        var buffer = new byte[1 << 18];
        for (int n; (n = await file.ReadAsync(buffer, cancellationToken)) > 0;) inspector.Append(buffer.AsSpan(0, n));
        return inspector.Complete();
    }
}
