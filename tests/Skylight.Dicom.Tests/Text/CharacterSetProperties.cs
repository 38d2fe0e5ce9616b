using System.Text;
using FsCheck;
using FsCheck.Fluent;

namespace Skylight.Dicom.Tests.Text;

/// <summary>Text of any letters that a declared set has comes back from its bytes; delimiters are never mistaken for parts of a letter.</summary>
public sealed class CharacterSetProperties
{
    /// <summary>A declaration, and letters of which text under it is made.</summary>
    public static TheoryData<string, string> Sets => new()
    {
        { "", "abcXYZ 019" },
        { "ISO_IR 100", "äöüßéÆñ¿ab" },
        { "ISO_IR 101", "ąćłžšŽab" },
        { "ISO_IR 144", "ЛюкceмбypгЯab" },
        { "ISO_IR 127", "قباني لنزار" },
        { "ISO_IR 126", "Διονυσιος" },
        { "ISO_IR 138", "שרון דבורה" },
        { "ISO_IR 166", "สมชายใจดี" },
        { "ISO_IR 192", "王小东山田태양🙂é" },
        { "GB18030", "王小东乗俓乛俕㐀🙂ab" },
        { "GBK", "王小东乗俓乛俕亅倈ab" },
        { @"\ISO 2022 IR 87", "山田太郎やまだab" },
        { @"ISO 2022 IR 13\ISO 2022 IR 87", "ﾔﾏﾀﾞ山田やま" },
        { @"\ISO 2022 IR 149", "洪吉洞홍길동ab" },
        { @"\ISO 2022 IR 58", "王小东张丽ab" },
        { @"ISO 2022 IR 100\ISO 2022 IR 144\ISO 2022 IR 126", "éüЛюΔα" },
    };

    [Theory]
    [MemberData(nameof(Sets))]
    public void EncodeDecode_AnyTextOfTheSet_IsTheSame(string terms, string letters) => Prop.ForAll<int>(seed =>
    {
        var set = CharacterSet.Of(terms.Split('\\'));
        var random = new Random(seed);
        foreach (var vr in (Vr[])[Vr.PN, Vr.LO, Vr.LT])
        {
            var text = Text(letters, random);
            if (set.Decode(set.Encode(text, vr), vr) != text) return false;
        }

        return true;
    }).QuickCheckThrowOnFailure();

    /// <summary>Through a dataset, with values and name groups: what was set is what is read, in whatever syntax and lengths.</summary>
    [Theory]
    [MemberData(nameof(Sets))]
    public void SetGet_SeveralValues_AreSplitWhereTheyWereJoined(string terms, string letters) => Prop.ForAll<int>(seed =>
    {
        var random = new Random(seed);
        var values = Enumerable.Range(0, random.Next(1, 5)).Select(_ => Text(letters, random).Trim()).ToArray();
        var name = new PersonName("Wang^Li", Text(letters, random).Trim(), "").ToString();
        var dataset = new DicomDataset().Set(DicomTags.SpecificCharacterSet, terms.Split('\\')).Set(DicomTags.OtherPatientNames, name).Set(DicomTags.PatientComments, Text(letters, random).Trim())
            .Set(new DicomTag(0x0029, 0x0010), Vr.LO, "TEST").Set(new DicomTag(0x0029, 0x1001), Vr.LO, values);
        var read = DicomFile.Read(DicomWriter.ToArray(DicomFile.Of(dataset, TransferSyntax.ExplicitLittle))).Dataset;
        return read.GetStrings(new DicomTag(0x0029, 0x1001)).SequenceEqual(values.Length == 1 && values[0].Length == 0 ? [] : values)
            && read.GetPersonName(DicomTags.OtherPatientNames)!.ToString() == name
            && DicomJson.Read(DicomJson.ToUtf8(read)).GetStrings(new DicomTag(0x0029, 0x1001)).SequenceEqual(read.GetStrings(new DicomTag(0x0029, 0x1001)));
    }).QuickCheckThrowOnFailure();

    private static string Text(string letters, Random random)
    {
        var runes = letters.EnumerateRunes().ToList();
        return string.Concat(Enumerable.Range(0, random.Next(12)).Select(_ => runes[random.Next(runes.Count)].ToString()));
    }
}
