using System.Text;

namespace Skylight.Dicom;

/// <summary>One identifier of a patient (0010,0020) or (0010,1002).</summary>
/// <param name="Value">As stored, without padding.</param>
/// <param name="Type">(0010,0022): TEXT, RFID, BARCODE; "" when not given.</param>
/// <param name="Assigner">Who issued it: the universal entity id where there is one, else (0010,0021); "" when not given.</param>
public sealed record PatientKey(string Value, string Type, string Assigner)
{
    /// <summary>What two identifiers must share to be the same: assigner and normalised value. Empty when the value is.</summary>
    public string MatchingKey
    {
        get
        {
            var value = PatientKeys.Normalize(Value);
            return value.Length == 0 ? "" : $"{PatientKeys.Normalize(Assigner)}\u001f{value}";
        }
    }
}

/// <summary>Where two records of one patient id do not agree: findings, never refusals.</summary>
[Flags]
public enum PatientDifferences
{
    None = 0,
    Name = 1,
    Sex = 2,
    BirthDate = 4,
}

/// <summary>Who the patient of a dataset is, and whether two datasets mean the same one.</summary>
public static class PatientKeys
{
    /// <summary>The main identifier first, then the other ones; none that is empty, none twice.</summary>
    public static IReadOnlyList<PatientKey> Identifiers(DicomDataset dataset)
    {
        var all = new List<PatientKey>();
        Add(dataset, all);
        foreach (var item in dataset.GetItems(DicomTags.OtherPatientIDsSequence)) Add(item, all);
        return [.. all.DistinctBy(i => i.MatchingKey)];
    }

    /// <summary>Full-width letters and digits become plain ones, letters upper case, spaces and hyphens go: how ids are compared.</summary>
    public static string Normalize(string id)
    {
        var s = new StringBuilder(id.Length);
        foreach (var c in id)
        {
            var narrow = Narrow(c);
            if (narrow is ' ' or '-' or '\0') continue;
            s.Append(char.ToUpperInvariant(narrow));
        }

        return s.ToString();
    }

    /// <summary>Forms of a name for comparison, one a group: upper case, components joined by single spaces, no punctuation. Order within a group counts.</summary>
    public static IReadOnlySet<string> NameKeys(PersonName name)
    {
        var keys = new HashSet<string>(StringComparer.Ordinal);
        foreach (var group in (ReadOnlySpan<string>)[name.Alphabetic, name.Ideographic, name.Phonetic])
        {
            var s = new StringBuilder(group.Length);
            foreach (var c in group)
            {
                var narrow = Narrow(c);
                if (narrow is '^' or ' ' or ',' or '.' or '-' or '\'' or '·' or '\u3000') continue;
                s.Append(char.ToUpperInvariant(narrow));
            }

            if (s.Length > 0) keys.Add(s.ToString());
        }

        return keys;
    }

    /// <summary>What differs between two datasets of the same identifier. A value that one of them lacks is no difference.</summary>
    public static PatientDifferences Compare(DicomDataset a, DicomDataset b)
    {
        var differences = PatientDifferences.None;
        if (a.GetPersonName(DicomTags.PatientName) is { } x && b.GetPersonName(DicomTags.PatientName) is { } y)
        {
            var keys = NameKeys(x);
            if (keys.Count > 0 && NameKeys(y) is { Count: > 0 } others && !keys.Overlaps(others)) differences |= PatientDifferences.Name;
        }

        if (Differ(a, b, DicomTags.PatientSex)) differences |= PatientDifferences.Sex;
        if (Differ(a, b, DicomTags.PatientBirthDate)) differences |= PatientDifferences.BirthDate;
        return differences;
    }

    private static bool Differ(DicomDataset a, DicomDataset b, DicomTag tag) =>
        a.GetString(tag) is { } x && b.GetString(tag) is { } y && !string.Equals(x, y, StringComparison.OrdinalIgnoreCase);

    private static void Add(DicomDataset dataset, List<PatientKey> all)
    {
        if (dataset.GetString(DicomTags.PatientID) is not { } id || Normalize(id).Length == 0) return;
        var qualifiers = dataset.GetItems(DicomTags.IssuerOfPatientIDQualifiersSequence);
        var universal = qualifiers.Count > 0 ? qualifiers[0].GetString(DicomTags.UniversalEntityID) : null;
        all.Add(new PatientKey(id, dataset.GetString(DicomTags.TypeOfPatientID) ?? "", universal ?? dataset.GetString(DicomTags.IssuerOfPatientID) ?? ""));
    }

    private static char Narrow(char c) => c switch
    {
        '\u3000' => ' ',
        >= '\uFF01' and <= '\uFF5E' => (char)(c - 0xFEE0),
        _ => c,
    };
}
