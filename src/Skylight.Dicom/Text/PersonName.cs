namespace Skylight.Dicom;

/// <summary>A PN value in its groups (PS3.5 6.2.1); each with components family^given^middle^prefix^suffix.</summary>
/// <param name="Alphabetic">Latin or single-byte letters.</param>
/// <param name="Ideographic">Characters: 汉字, 漢字, 한자.</param>
/// <param name="Phonetic">How it sounds: pinyin, kana, hangul.</param>
public sealed record PersonName(string Alphabetic, string Ideographic, string Phonetic)
{
    public bool IsEmpty => Alphabetic.Length == 0 && Ideographic.Length == 0 && Phonetic.Length == 0;

    /// <summary>Splits decoded text at "="; what follows a third group is dropped, padding too.</summary>
    public static PersonName Parse(string text)
    {
        var groups = text.Split('=');
        return new PersonName(Clean(groups[0]), groups.Length > 1 ? Clean(groups[1]) : "", groups.Length > 2 ? Clean(groups[2]) : "");
    }

    /// <summary>family, given, middle, prefix, suffix of a group; missing ones are "".</summary>
    public static IReadOnlyList<string> Components(string group)
    {
        var parts = group.Split('^');
        var five = new string[5];
        for (var i = 0; i < 5; i++) five[i] = i < parts.Length ? parts[i].Trim() : "";
        return five;
    }

    /// <summary>The value as DICOM writes it, without empty trailing groups.</summary>
    public override string ToString() =>
        Phonetic.Length > 0 ? $"{Alphabetic}={Ideographic}={Phonetic}" : Ideographic.Length > 0 ? $"{Alphabetic}={Ideographic}" : Alphabetic;

    private static string Clean(string group) => group.Trim(' ', '\0');
}
