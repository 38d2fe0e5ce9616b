using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Microsoft.Extensions.Options;

namespace Skylight.Core.Keys.Backup;

/// <summary>How often the wrapped keys are copied to the second place, and how long copies live. Section <c>Skylight:KeyBackup</c>; without a second place it does nothing.</summary>
public sealed class KeyBackupOptions
{
    public const string Section = "Skylight:KeyBackup";

    /// <summary>Value of <see cref="RestoreFrom"/> for the newest generation.</summary>
    public const string Newest = "newest";

    /// <summary>Hours from one generation to the next, 1 to 168; an erasure makes one sooner. Default 24.</summary>
    [Range(1, 168)]
    public int EveryHours { get; set; } = 24;

    /// <summary>Days that a generation lives, 1 to 35: after that what was erased is gone for good. Default 35.</summary>
    [Range(1, 35)]
    public int KeepDays { get; set; } = 35;

    /// <summary>
    /// For one start, after the records were lost or set back: <c>newest</c>, or a moment in UTC (<c>2026-03-01T02:00:00Z</c>) whose last generation before it serves. The host puts the keys
    /// back that the records lack and erases again what is erased, before it takes requests. Default: none.
    /// </summary>
    public string? RestoreFrom { get; set; }

    /// <summary>Null for the newest.</summary>
    internal DateTimeOffset? Moment() => RestoreFrom is null or Newest ? null : Parse(RestoreFrom) ?? throw new FormatException("The moment was not checked.");

    internal static DateTimeOffset? Parse(string text) =>
        DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal, out var moment) ? moment : null;
}

[OptionsValidator]
internal sealed partial class KeyBackupRanges : IValidateOptions<KeyBackupOptions>;

internal sealed class KeyBackupRules : IValidateOptions<KeyBackupOptions>
{
    public ValidateOptionsResult Validate(string? name, KeyBackupOptions options) => options.RestoreFrom is null or KeyBackupOptions.Newest || KeyBackupOptions.Parse(options.RestoreFrom) is not null
        ? ValidateOptionsResult.Success
        : ValidateOptionsResult.Fail($"{KeyBackupOptions.Section}:RestoreFrom must be newest or a moment such as 2026-03-01T02:00:00Z.");
}
