using System.Text;

namespace Skylight.Core.Patients;

/// <summary>Who a file says its patient is.</summary>
public sealed record PatientIdentity
{
    /// <summary>Patient ID (0010,0020) as received; null where empty.</summary>
    public string? Id { get; init; }

    public string? Issuer { get; init; }

    public IReadOnlyList<PatientIdentifier> Others { get; init; } = [];

    public string? Name { get; init; }

    public string? BirthDate { get; init; }

    public string? Sex { get; init; }

    public string? NormalisedId => Normalise(Id);

    public string? NormalisedIssuer => Normalise(Issuer);

    /// <summary>
    /// The form under which identifiers are compared: no spaces, upper case, full-width forms as half-width. Leading zeros and punctuation stay,
    /// because institutions give ids that differ by them alone. Null where nothing is left.
    /// </summary>
    public static string? Normalise(string? text)
    {
        if (text is null) return null;
        var normalised = new StringBuilder(text.Length);
        foreach (var c in text)
        {
            var half = c is >= '\uFF01' and <= '\uFF5E' ? (char)(c - 0xFEE0) : c;
            if (!char.IsWhiteSpace(half) && !char.IsControl(half)) normalised.Append(char.ToUpperInvariant(half));
        }

        return normalised.Length == 0 ? null : normalised.ToString();
    }
}
